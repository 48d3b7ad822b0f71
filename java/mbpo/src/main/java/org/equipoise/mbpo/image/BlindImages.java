package org.equipoise.mbpo.image;

import java.util.Arrays;
import org.equipoise.mbpo.model.ImageProcessor;

/** The 8-bit blind image: every pixel at the processor's mean, rounded. */
public final class BlindImages {
  private BlindImages() {}

  /** A blind image of the same size. */
  public static RgbImage like(RgbImage image, ImageProcessor processor) {
    byte[] planes = new byte[image.planes().length];
    int plane = planes.length / 3;
    float[] mean = processor.mean();
    for (int channel = 0; channel < 3; channel++) {
      byte code = (byte) Math.rint(255 * Math.min(1, Math.max(0, mean[channel])));
      Arrays.fill(planes, channel * plane, (channel + 1) * plane, code);
    }
    return new RgbImage(image.width(), image.height(), planes);
  }
}
