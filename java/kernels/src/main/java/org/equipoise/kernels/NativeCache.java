package org.equipoise.kernels;

import java.io.IOException;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
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
  /**
   * A process may hold a file's lock only once. A constant is one object for the whole process, so
   * that copies of this class in other class loaders wait as well.
   */
  private static final Object PROCESS = NativeCache.class.getName().intern();

  private NativeCache() {}

  /**
   * Unpacks all that loading these classes of JavaCPP's presets will load and that is not in the
   * cache yet, and makes sure that nobody else can change what is loaded from there. The classes
   * are not initialised.
   *
   * @throws NativeLoadException naming file, folder, cause and remedy if one cannot be written, or
   *     if another user can change one
   */
  public static void unpack(Class<?>... presets) {
    unpackWith(Set.of(), presets);
  }

  /**
   * As {@link #unpack}, with further files to lie beside the libraries, named as from the first of
   * the classes; those that are not there are left out.
   */
  static void unpackWith(Set<String> resources, Class<?>... presets) {
    ClosedFolder cache = CacheFolder.require();
    try {
      Path own = cache.keepPrivate(cache.path().resolve(".equipoise"));
      cache.requireContents(own);
      UnpackedFiles unpacked = UnpackedFiles.of(own, resources, presets);
      List<Path> files = unpacked.complete();
      if (files.isEmpty()) {
        files = unpack(cache, own, librariesOf(resources, presets));
        unpacked.write(files);
      }
      Set<Path> folders = new LinkedHashSet<>();
      for (Path file : files) {
        // Where the jars lie is the user's choice.
        if (file.startsWith(cache.path())) {
          folders.add(file.getParent());
        }
      }
      for (Path folder : folders) {
        cache.requireContents(folder);
      }
    } catch (IOException e) {
      throw NativeLibrary.describe("native libraries", e);
    }
  }

  private static Set<URL> librariesOf(Set<String> resources, Class<?>... presets)
      throws IOException {
    // JavaCPP's own comes with whichever is loaded first.
    Set<URL> libraries = librariesOf(Loader.class);
    for (Class<?> each : presets) {
      libraries.addAll(librariesOf(each));
    }
    for (String resource : resources) {
      URL file = Loader.findResource(presets[0], resource);
      // In a folder it lies unpacked.
      if (file != null && "jar".equals(file.getProtocol())) {
        libraries.add(file);
      }
    }
    return libraries;
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
  private static List<Path> unpack(ClosedFolder cache, Path own, Set<URL> libraries)
      throws IOException {
    List<Path> files = new ArrayList<>();
    synchronized (PROCESS) {
      // JavaCPP loads under this monitor; its own lock must not be taken by two threads either.
      synchronized (Loader.class) {
        try (FileChannel held = lock(own)) {
          for (URL library : libraries) {
            UnpackedLibrary unpacked = new UnpackedLibrary(library);
            files.add(unpacked.into(cache));
            files.add(unpacked.jar());
          }
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
}
