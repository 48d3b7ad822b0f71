package org.equipoise.kernels;

import java.util.Arrays;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pixel_space;

/**
 * Affine space of an image tensor: {@code value = (pixel - mean[c]) / std[c]} with pixel in [0, 1].
 * Perturbation budgets and bounds are given in pixel units and converted through it, so the same
 * options serve raw and normalised tensors. Immutable.
 *
 * <p>With k {@linkplain #copies(int) copies} tensors are [rows, channels, k, n], and their k planes
 * of n elements hold the same pixels: the temporal copies of a still image in packed patches. They
 * count once, their gradients are added, and all are written with the same bits.
 */
public final class PixelSpace {
  /** Values are pixels in [0, 1], for any number of channels. */
  public static final PixelSpace IDENTITY = new PixelSpace(new float[0], new float[0], 1);

  private final float[] mean;
  private final float[] std;
  private final int copies;

  private PixelSpace(float[] mean, float[] std, int copies) {
    this.mean = mean;
    this.std = std;
    this.copies = copies;
  }

  /**
   * The space after normalisation with a mean and a standard deviation per channel.
   *
   * @throws IllegalArgumentException unless both have the same length between 1 and 4, every mean
   *     is finite and every std finite and positive
   */
  public static PixelSpace normalized(float[] mean, float[] std) {
    if (mean.length != std.length
        || mean.length < 1
        || mean.length > EquipoiseAbi.EQP_MAX_CHANNELS) {
      throw new IllegalArgumentException(
          "mean, std: expected 1 to 4 channels with one mean and one std each, found "
              + mean.length
              + " means and "
              + std.length
              + " stds");
    }
    for (float s : std) {
      if (!(s > 0) || Float.isInfinite(s)) {
        throw new IllegalArgumentException(
            "std: expected finite numbers > 0, found " + Arrays.toString(std));
      }
    }
    for (float m : mean) {
      if (!Float.isFinite(m)) {
        throw new IllegalArgumentException(
            "mean: expected finite numbers, found " + Arrays.toString(mean));
      }
    }
    return new PixelSpace(mean.clone(), std.clone(), 1);
  }

  /**
   * The same space for tensors that hold every pixel several times.
   *
   * @throws IllegalArgumentException unless {@code value >= 1}
   */
  public PixelSpace copies(int value) {
    if (value < 1) {
      throw new IllegalArgumentException("copies: expected at least 1, found " + value);
    }
    return new PixelSpace(mean, std, value);
  }

  /** How often a tensor holds each pixel; usually 1. */
  public int copies() {
    return copies;
  }

  /** Channels; 0 for the identity. */
  public int channels() {
    return mean.length;
  }

  public float[] mean() {
    return mean.clone();
  }

  public float[] std() {
    return std.clone();
  }

  void write(eqp_pixel_space space) {
    space.channels(mean.length);
    space.copies(copies);
    for (int c = 0; c < mean.length; c++) {
      space.mean(c, mean[c]);
      space.std(c, std[c]);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PixelSpace space
        && copies == space.copies
        && Arrays.equals(mean, space.mean)
        && Arrays.equals(std, space.std);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Arrays.hashCode(mean) + Arrays.hashCode(std)) + copies;
  }

  @Override
  public String toString() {
    String space =
        mean.length == 0
            ? "pixels in [0, 1]"
            : "mean " + Arrays.toString(mean) + ", std " + Arrays.toString(std);
    return copies == 1 ? space : space + ", " + copies + " copies";
  }
}
