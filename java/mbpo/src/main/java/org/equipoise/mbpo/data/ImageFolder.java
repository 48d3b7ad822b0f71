package org.equipoise.mbpo.data;

import java.nio.file.Path;
import org.equipoise.mbpo.image.ImageSource;

/**
 * Where the images of a file's rows are.
 *
 * @param folder to which their paths are relative
 * @param mostPixels width times height of the largest
 */
record ImageFolder(Path folder, long mostPixels) {
  /** Beside the file. */
  static ImageFolder of(Path file, DataLimits limits) {
    return new ImageFolder(file.toAbsolutePath().getParent(), limits.imagePixels());
  }

  ImageSource image(String path) {
    return ImageSource.of(folder.resolve(path), mostPixels);
  }
}
