package org.equipoise.mbpo.storage;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The text that stands in place of a large file where Git LFS did not fetch it. */
final class LfsPointer {
  private static final String START = "version https://git-lfs.github.com/spec/";

  private LfsPointer() {}

  /**
   * @param text the file's content or its beginning
   * @throws IllegalArgumentException if it is such a text
   */
  static void refuse(Path file, String text) {
    if (text.startsWith(START)) {
      throw new IllegalArgumentException(
          file
              + " is a pointer of Git LFS, not the file itself; fetch it with `git lfs pull` in its"
              + " folder, or the whole repository with `hf download`");
    }
  }

  static void refuse(Path file, byte[] bytes, int length) {
    refuse(file, new String(bytes, 0, length, StandardCharsets.ISO_8859_1));
  }
}
