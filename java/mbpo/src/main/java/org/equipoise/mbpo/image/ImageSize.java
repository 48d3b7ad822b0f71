package org.equipoise.mbpo.image;

/** Width and height of an image file, before its orientation is applied. */
public record ImageSize(int width, int height) {
  /** Width times height. */
  public long pixels() {
    return (long) width * height;
  }

  /** Whether an image is of this size, or of it when it is turned. */
  boolean isOf(RgbImage image) {
    return width == image.width() && height == image.height()
        || width == image.height() && height == image.width();
  }

  static ImageSize of(long width, long height, String kind) throws BadImage {
    if (width < 1 || height < 1 || width > Integer.MAX_VALUE || height > Integer.MAX_VALUE) {
      throw new BadImage(kind + " of the size " + width + "x" + height);
    }
    return new ImageSize((int) width, (int) height);
  }
}
