package org.equipoise.mbpo.model;

import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;

/** From any decoded image to the 8-bit image the model sees. Immutable and thread-safe. */
public interface ImageProcessor {
  /**
   * Resizes to the model's size for this image; the result is what attacks perturb and PNGs store.
   */
  RgbImage resize(RgbImage image);

  /** Every image of a question, each resized by itself. */
  default Images resize(Images images) {
    return images.map(this::resize);
  }

  /** Per-channel mean in [0, 1]: the colour of the blind image. */
  float[] mean();

  /**
   * Per-channel standard deviation by which the model divides; ones where it does not normalise.
   */
  float[] standardDeviation();
}
