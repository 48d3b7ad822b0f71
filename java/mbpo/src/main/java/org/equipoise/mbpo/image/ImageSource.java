package org.equipoise.mbpo.image;

import java.nio.file.Path;
import java.util.Optional;
import org.equipoise.mbpo.storage.FileDigests;

/** Where a sample's image comes from: a file, memory, or code that draws it. Thread-safe. */
public interface ImageSource {
  /** Decodes or draws the image; the same image every time. */
  RgbImage load();

  /** Text that differs when the image does, whatever it is called: of its contents. */
  default String fingerprint() {
    return load().fingerprint();
  }

  /** The file behind this image, if there is one. */
  default Optional<Path> path() {
    return Optional.empty();
  }

  /** An image file, decoded at every {@link #load()}. */
  static ImageSource of(Path file) {
    return of(file, ImageFiles.MOST_PIXELS);
  }

  /** The same of a file of at most so many pixels. */
  static ImageSource of(Path file, long mostPixels) {
    return new ImageSource() {
      @Override
      public RgbImage load() {
        return ImageFiles.read(file, mostPixels);
      }

      @Override
      public String fingerprint() {
        return FileDigests.of(file);
      }

      @Override
      public Optional<Path> path() {
        return Optional.of(file);
      }

      @Override
      public String toString() {
        return file.toString();
      }
    };
  }

  /** An image held in memory. */
  static ImageSource of(RgbImage image) {
    return () -> image;
  }

  /** The same image, kept in memory after the first load. For data sets that fit. */
  default ImageSource cached() {
    return new CachedImageSource(this);
  }
}
