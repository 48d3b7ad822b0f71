package org.equipoise.kernels;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/** The folder into which JavaCPP unpacks native libraries and from which it loads them. */
final class CacheFolder {
  static final String ELSEWHERE =
      "name another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>";

  private CacheFolder() {}

  /**
   * The one that JavaCPP uses, made if it was not there.
   *
   * @throws NativeLoadException if others can change it, or none can be written
   */
  static ClosedFolder require() {
    try {
      makeFirst();
      return ClosedFolder.of(Loader.getCacheDir().toPath(), ELSEWHERE);
    } catch (IOException e) {
      throw NativeLibrary.describe("native libraries", e);
    }
  }

  /** JavaCPP would make it with permissions that may let a whole group write. */
  private static void makeFirst() {
    for (String candidate : candidates()) {
      File folder = new File(candidate);
      try {
        ClosedFolder.create(folder.toPath());
      } catch (IOException e) {
        continue;
      }
      if (folder.canRead() && folder.canWrite() && folder.canExecute()) {
        return;
      }
    }
  }

  /** Those that JavaCPP tries, in this order, if nothing can be written to any of them. */
  static @Nullable List<String> allUnusable() {
    for (String candidate : candidates()) {
      try {
        Path folder = Files.createDirectories(Path.of(candidate));
        Files.delete(Files.createTempFile(folder, "probe", ".tmp"));
        return null;
      } catch (IOException | SecurityException e) {
        continue;
      }
    }
    return candidates();
  }

  private static List<String> candidates() {
    List<String> folders = new ArrayList<>();
    for (String name : List.of("org.bytedeco.javacpp.cachedir", "org.bytedeco.javacpp.cacheDir")) {
      String configured = System.getProperty(name);
      if (configured != null) {
        folders.add(configured);
      }
    }
    folders.add(System.getProperty("user.home") + "/.javacpp/cache");
    folders.add(
        System.getProperty("java.io.tmpdir")
            + "/.javacpp-"
            + System.getProperty("user.name")
            + "/cache");
    return folders;
  }
}
