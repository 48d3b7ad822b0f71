package org.equipoise.mbpo.image;

import java.nio.file.Path;

/** What is read of images before a decoder sees them, for fuzzing. */
public final class ImageParsers {
  private ImageParsers() {}

  public static void headers(Path file) {
    ImageFiles.size(file);
  }
}
