package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;

/** What an attack found. Its tensors belong to the pointer scope in which the attack was called. */
public final class Attack {
  private final Tensor adversarial;
  private final Tensor codes;
  private final double[] objectiveBefore;
  private final double[] objectiveAfter;
  private final double[] distances;
  private final int[] lostAt;
  private final int steps;

  Attack(
      Tensor adversarial,
      Tensor codes,
      double[] objectiveBefore,
      double[] objectiveAfter,
      double[] distances,
      int[] lostAt,
      int steps) {
    this.adversarial = adversarial;
    this.codes = codes;
    this.objectiveBefore = objectiveBefore;
    this.objectiveAfter = objectiveAfter;
    this.distances = distances;
    this.lostAt = lostAt;
    this.steps = steps;
  }

  /**
   * What was found for each image (its best iterate, by default), in the shape, space and dtype of
   * the images; on the 8-bit grid unless the attack was told otherwise.
   */
  public Tensor adversarial() {
    return alive("adversarial", adversarial);
  }

  /** The same as uint8 codes, of the same shape: what a PNG stores. */
  public Tensor codes() {
    return alive("codes", codes);
  }

  /** The objective of each image before the attack. */
  public double[] objectiveBefore() {
    return objectiveBefore.clone();
  }

  /** The objective of {@link #adversarial()}. */
  public double[] objectiveAfter() {
    return objectiveAfter.clone();
  }

  /** How far each image is from its original, in the attack's norm and pixel units. */
  public double[] distances() {
    return distances.clone();
  }

  /**
   * The number of steps after which an image's objective was NaN for the first time, -1: never.
   * What was found before then is still the best iterate.
   */
  public int[] lostAt() {
    return lostAt.clone();
  }

  /** Gradient steps taken. */
  public int steps() {
    return steps;
  }
}
