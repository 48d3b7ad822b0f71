package org.equipoise.mbpo.image;

import java.nio.file.Path;
import org.equipoise.mbpo.storage.AtomicFiles;

/** What is read of images before a decoder sees them, for fuzzing. */
public final class ImageParsers {
  private ImageParsers() {}

  public static void headers(Path file) {
    EncodedImage image = new EncodedImage(AtomicFiles.read(file));
    image.otherKind();
    image.isTiff();
    image.damage();
    image.size();
  }
}
