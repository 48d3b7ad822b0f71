package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;

/** What an attack found. Its tensors belong to the pointer scope in which the attack was called. */
public final class Attack {
  private final Tensor adversarial;
  private final Tensor codes;
  private final double[] objectiveBefore;
  private final double[] objectiveAfter;
  private final int steps;

  Attack(
      Tensor adversarial,
      Tensor codes,
      double[] objectiveBefore,
      double[] objectiveAfter,
      int steps) {
    this.adversarial = adversarial;
    this.codes = codes;
    this.objectiveBefore = objectiveBefore;
    this.objectiveAfter = objectiveAfter;
    this.steps = steps;
  }

  /** The best iterate of each image, on the 8-bit grid, in the space and dtype of the images. */
  public Tensor adversarial() {
    return adversarial;
  }

  /** The same as uint8 codes: what a PNG stores. */
  public Tensor codes() {
    return codes;
  }

  /** The objective of each image before the attack; one entry when the objective is one scalar. */
  public double[] objectiveBefore() {
    return objectiveBefore.clone();
  }

  /** The objective of {@link #adversarial()}, measured on the 8-bit grid. */
  public double[] objectiveAfter() {
    return objectiveAfter.clone();
  }

  /** Gradient steps taken. */
  public int steps() {
    return steps;
  }
}
