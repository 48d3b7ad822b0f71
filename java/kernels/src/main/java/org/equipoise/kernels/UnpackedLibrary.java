package org.equipoise.kernels;

import java.io.BufferedInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.Locale;
import java.util.jar.JarEntry;
import org.bytedeco.javacpp.Loader;

/** A native library in a jar, and the file it becomes in JavaCPP's cache. */
final class UnpackedLibrary {
  private static final double MIB = 1L << 20;
  private static final int CHUNK = 1 << 16;

  /** Those of this project; LibTorch and OpenCV would take seconds to compare. */
  private static final String OURS = "org/equipoise/";

  private final URL url;
  private final JarURLConnection connection;

  UnpackedLibrary(URL url) throws IOException {
    this.url = url;
    this.connection = (JarURLConnection) url.openConnection();
  }

  Path jar() throws IOException {
    return new File(connection.getJarFile().getName()).toPath();
  }

  /**
   * Returns the file, unpacked if it was not there, or was not what the jar holds.
   *
   * <p>JavaCPP takes a file of the right size and time for the right one. Archives that are built
   * alike have the same times whatever they hold, so that libraries of ours, of which many versions
   * have one name, are compared with the jar byte by byte.
   *
   * @throws NativeLoadException naming file, folder, cause and remedy if it cannot be written
   */
  Path into(ClosedFolder cache) throws IOException {
    if (!Boolean.getBoolean("org.bytedeco.javacpp.cachedir.nosubdir")) {
      Path folder = cache.path().resolve(jar().getFileName());
      // Before JavaCPP writes there, which would follow links.
      cache.keepPrivate(folder.resolve(connection.getEntryName()).getParent());
    }
    try {
      Path file = Loader.cacheResource(url).toPath();
      if (connection.getEntryName().startsWith(OURS) && !isWhatTheJarHolds(file)) {
        replace(file);
      }
      return file;
    } catch (IOException e) {
      throw new NativeLoadException(
          String.format(
              Locale.ROOT,
              "cannot unpack %s into %s, where %.0f MiB are free: %s; make room there, or %s",
              describe(),
              cache.path(),
              cache.path().toFile().getUsableSpace() / MIB,
              e.getMessage(),
              CacheFolder.ELSEWHERE),
          e);
    }
  }

  private boolean isWhatTheJarHolds(Path file) throws IOException {
    byte[] expected = new byte[CHUNK];
    byte[] found = new byte[CHUNK];
    try (InputStream held = open();
        InputStream unpacked = Files.newInputStream(file)) {
      int length;
      do {
        length = held.readNBytes(expected, 0, CHUNK);
        int foundLength = unpacked.readNBytes(found, 0, CHUNK);
        if (!Arrays.equals(expected, 0, length, found, 0, foundLength)) {
          return false;
        }
      } while (length > 0);
      return true;
    }
  }

  /** Whole or not at all: another process may load it meanwhile. */
  private void replace(Path file) throws IOException {
    Path part = Files.createTempFile(file.getParent(), "library", ".part");
    try (InputStream held = open()) {
      Files.copy(held, part, StandardCopyOption.REPLACE_EXISTING);
      Files.setLastModifiedTime(part, FileTime.fromMillis(connection.getJarEntry().getTime()));
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private InputStream open() throws IOException {
    return new BufferedInputStream(
        connection.getJarFile().getInputStream(connection.getJarEntry()), CHUNK);
  }

  private String describe() {
    String name = connection.getEntryName();
    name = name.substring(name.lastIndexOf('/') + 1);
    try {
      JarEntry entry = connection.getJarEntry();
      return String.format(Locale.ROOT, "%s of %.0f MiB", name, entry.getSize() / MIB);
    } catch (IOException e) {
      return name;
    }
  }
}
