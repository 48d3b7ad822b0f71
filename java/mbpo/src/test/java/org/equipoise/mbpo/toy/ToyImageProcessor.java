package org.equipoise.mbpo.toy;

import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;

/**
 * Keeps the shape and rounds both sides down to multiples of 4 by cropping; normalises per channel.
 */
public final class ToyImageProcessor implements ImageProcessor {
  private static final int MULTIPLE = 4;

  @Override
  public RgbImage resize(RgbImage image) {
    int width = image.width() / MULTIPLE * MULTIPLE;
    int height = image.height() / MULTIPLE * MULTIPLE;
    if (width == image.width() && height == image.height()) {
      return image;
    }
    byte[] planes = new byte[3 * width * height];
    for (int channel = 0; channel < 3; channel++) {
      for (int y = 0; y < height; y++) {
        System.arraycopy(
            image.planes(),
            (channel * image.height() + y) * image.width(),
            planes,
            (channel * height + y) * width,
            width);
      }
    }
    return new RgbImage(width, height, planes);
  }

  @Override
  public float[] mean() {
    return new float[] {0.48f, 0.46f, 0.41f};
  }

  @Override
  public float[] standardDeviation() {
    return new float[] {0.27f, 0.26f, 0.28f};
  }
}
