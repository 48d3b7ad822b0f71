package org.equipoise.kernels;

import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks native libraries from their jars into JavaCPP's cache before they are loaded, one process
 * at a time. Thread-safe.
 *
 * <p>JavaCPP writes each file in place and holds a lock for that one only. Loading a library makes
 * the system load those it needs from the same folder, among them what another process is just
 * writing: half a file is mapped, and the process dies of SIGBUS. So all files are unpacked before
 * any is loaded, under a lock of ours; those that are complete are never written again.
 */
public final class NativeCache {
  private static final double MIB = 1L << 20;

  /**
   * A process may hold a file's lock only once. A constant is one object for the whole process, so
   * that copies of this class in other class loaders wait as well.
   */
  private static final Object PROCESS = NativeCache.class.getName().intern();

  private NativeCache() {}

  /**
   * Unpacks all that loading these classes of JavaCPP's presets will load and that is not in the
   * cache yet. The classes are not initialised.
   *
   * @throws NativeLoadException naming file, folder, cause and remedy if one cannot be written
   */
  public static void unpack(Class<?>... presets) {
    Path folder = folder();
    UnpackedFiles unpacked = UnpackedFiles.of(folder, presets);
    if (unpacked.areComplete()) {
      return;
    }
    Set<URL> libraries = new LinkedHashSet<>();
    for (Class<?> each : presets) {
      libraries.addAll(librariesOf(each));
    }
    List<Path> files = unpack(folder, libraries);
    unpacked.write(files);
  }

  /** Unpacks one file from the jar of a class, if it is there; in a folder it lies unpacked. */
  static void unpack(Class<?> owner, String resource) throws IOException {
    URL file = Loader.findResource(owner, resource);
    if (file != null && "jar".equals(file.getProtocol())) {
      unpack(folder(), Set.of(file));
    }
  }

  /** In jars; what lies in a folder is loaded from there. */
  private static Set<URL> librariesOf(Class<?> presets) {
    ClassProperties properties = Loader.loadProperties(presets, Loader.loadProperties(), true);
    Set<URL> libraries = new LinkedHashSet<>();
    if (properties.getInheritedClasses() != null) {
      for (Class<?> inherited : properties.getInheritedClasses()) {
        libraries.addAll(librariesOf(inherited));
      }
    }
    List<String> names = new ArrayList<>(properties.get("platform.preload"));
    names.addAll(properties.get("platform.link"));
    names.add(properties.getProperty("platform.library"));
    for (String name : names) {
      for (URL library : Loader.findLibrary(presets, properties, name, false)) {
        if ("jar".equals(library.getProtocol())) {
          libraries.add(library);
        }
      }
    }
    return libraries;
  }

  /** Returns the files and the jars they come from. */
  private static List<Path> unpack(Path folder, Set<URL> libraries) {
    List<Path> files = new ArrayList<>();
    synchronized (PROCESS) {
      // JavaCPP loads under this monitor; its own lock must not be taken by two threads either.
      synchronized (Loader.class) {
        try (FileChannel held = lock(folder)) {
          for (URL library : libraries) {
            files.add(unpack(folder, library));
            files.add(jarOf(library));
          }
        } catch (IOException e) {
          throw new NativeLoadException("cannot release the lock in " + folder, e);
        }
      }
    }
    return files;
  }

  /**
   * Returns what gives the lock back when it is closed, or null where there are no locks, as on
   * some network file systems: there JavaCPP says that it needs one when something is to be
   * unpacked.
   */
  private static @Nullable FileChannel lock(Path folder) {
    try {
      FileChannel channel =
          FileChannel.open(
              folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      channel.lock();
      return channel;
    } catch (IOException e) {
      return null;
    }
  }

  private static Path unpack(Path folder, URL library) {
    try {
      return Loader.cacheResource(library).toPath();
    } catch (IOException e) {
      throw new NativeLoadException(
          String.format(
              Locale.ROOT,
              "cannot unpack %s into %s, where %.0f MiB are free: %s; make room there, or name"
                  + " another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>",
              describe(library),
              folder.getParent(),
              folder.toFile().getUsableSpace() / MIB,
              e.getMessage()),
          e);
    }
  }

  private static String describe(URL library) {
    String name = library.getPath().substring(library.getPath().lastIndexOf('/') + 1);
    try {
      long bytes = ((JarURLConnection) library.openConnection()).getJarEntry().getSize();
      return String.format(Locale.ROOT, "%s of %.0f MiB", name, bytes / MIB);
    } catch (IOException e) {
      return name;
    }
  }

  private static Path jarOf(URL library) throws IOException {
    return new File(((JarURLConnection) library.openConnection()).getJarFile().getName()).toPath();
  }

  /** Ours in JavaCPP's cache, so that it goes when the cache goes. */
  private static Path folder() {
    try {
      return Files.createDirectories(Loader.getCacheDir().toPath().resolve(".equipoise"));
    } catch (IOException e) {
      throw NativeLibrary.describe("native libraries", e);
    }
  }
}
