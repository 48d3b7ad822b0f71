package org.equipoise.torch;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** What {@link Pgd} and {@link Apgd} are made of; written only while a copy is being made. */
final class AttackOptions implements Cloneable {
  Norm norm = Norm.LINF;
  double epsilon = 8 / 255.0;
  double stepSize = 2 / 255.0;
  int steps = 10;
  long seed;
  boolean randomStart = true;
  double lower = 0;
  double upper = 1;
  boolean eightBit = true;
  boolean keepBest = true;
  double momentum;
  boolean nesterov;
  int neighbours;
  double neighbourRadius = 1.5;
  int samples = 1;
  InputTransform input;
  UnaryOperator<Tensor> gradient;

  AttackOptions copy() {
    try {
      return (AttackOptions) clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }

  void check() {
    atLeast("epsilon", 0, epsilon);
    finite("epsilon", epsilon);
    atLeast("stepSize", 0, stepSize);
    finite("stepSize", stepSize);
    finite("bounds", lower);
    finite("bounds", upper);
    if (lower > upper) {
      throw new IllegalArgumentException(
          "bounds: expected the lower one first, found " + lower + " and " + upper);
    }
    atLeast("steps", 0, steps);
    atLeast("momentum", 0, momentum);
    finite("momentum", momentum);
    atLeast("variance: neighbours", 0, neighbours);
    atLeast("variance: radius", 0, neighbourRadius);
    finite("variance: radius", neighbourRadius);
    atLeast("samples", 1, samples);
    if (nesterov && momentum == 0) {
      throw new IllegalArgumentException(
          "nesterov: expected a momentum above 0, along which it looks ahead, found 0");
    }
  }

  private static void finite(String name, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(name + ": expected a finite number, found " + value);
    }
  }

  private static void atLeast(String name, int least, int value) {
    if (value < least) {
      throw new IllegalArgumentException(
          name + ": expected at least " + least + ", found " + value);
    }
  }

  private static void atLeast(String name, double least, double value) {
    if (!(value >= least)) {
      throw new IllegalArgumentException(
          name + ": expected at least " + least + ", found " + value);
    }
  }
}
