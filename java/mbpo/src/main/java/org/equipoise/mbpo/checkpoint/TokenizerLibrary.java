package org.equipoise.mbpo.checkpoint;

import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.equipoise.kernels.ClosedFolder;
import org.equipoise.kernels.NativeLoadException;

/** The native library that reads tokenizer.json, which DJL unpacks into a folder of its own. */
final class TokenizerLibrary {
  private static boolean checked;

  private TokenizerLibrary() {}

  /**
   * Returns when that folder is one that nobody else can change, which must be so before one of
   * DJL's classes is used: it loads what is there.
   *
   * @throws NativeLoadException naming what others can change, and what to do
   */
  static synchronized void require() {
    if (checked) {
      return;
    }
    ClosedFolder folder = require(Utils.getEngineCacheDir("tokenizers"));
    // DJL asks for CUDA through JNA, which unpacks a library of its own.
    if (System.getProperty("jna.tmpdir") == null) {
      System.setProperty("jna.tmpdir", folder.keepPrivate(folder.path().resolve("jna")).toString());
    }
    checked = true;
  }

  static ClosedFolder require(Path cache) {
    ClosedFolder folder =
        ClosedFolder.of(cache, "name another folder with -DDJL_CACHE_DIR=<folder>");
    try (DirectoryStream<Path> versions =
        Files.newDirectoryStream(folder.path(), Files::isDirectory)) {
      for (Path version : versions) {
        folder.requireContents(version);
      }
      return folder;
    } catch (IOException e) {
      throw new NativeLoadException("cannot look at the folder " + cache + ": " + e, e);
    }
  }
}
