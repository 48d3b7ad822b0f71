package org.equipoise.kernels;

/**
 * What numbers an option takes, refused where it is set: a mistake shows at the line that made it,
 * not where the option is used at last. Combinations of options are looked at when they are used.
 */
final class Ranges {
  private Ranges() {}

  private static double require(String name, boolean allowed, String expected, double found) {
    if (!allowed) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", found " + found);
    }
    return found;
  }

  static double number(String name, double value) {
    return require(name, !Double.isNaN(value), "a number", value);
  }

  static double finite(String name, double value) {
    return require(name, Double.isFinite(value), "a finite number", value);
  }

  static double positive(String name, double value) {
    return require(name, value > 0 && Double.isFinite(value), "a finite number > 0", value);
  }

  static double notNegative(String name, double value) {
    return require(name, value >= 0 && Double.isFinite(value), "a finite number >= 0", value);
  }

  /** At least this; infinity is off. */
  static double atLeast(String name, double least, double value) {
    return require(name, value >= least, "at least " + least, value);
  }

  static double atMost(String name, double most, double value) {
    return require(name, value <= most, "at most " + most, value);
  }

  static double within(String name, double least, double most, double value) {
    return require(
        name, value >= least && value <= most, "a number from " + least + " to " + most, value);
  }

  static double aboveZero(String name, double most, double value) {
    return require(name, value > 0 && value <= most, "a number above 0, at most " + most, value);
  }

  static double belowHalf(String name, double value) {
    return require(name, value >= 0 && value < 0.5, "a number in [0, 0.5)", value);
  }

  static int within(String name, int least, int most, int value) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + ": expected an integer from " + least + " to " + most + ", found " + value);
    }
    return value;
  }

  static long notNegative(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + ": expected at least 0, found " + value);
    }
    return value;
  }

  /** As the kernels hold them, in f32. */
  static void bounds(double lower, double upper) {
    require("bounds", Double.isFinite((float) lower), "a finite lower bound", lower);
    require("bounds", Double.isFinite((float) upper), "a finite upper bound", upper);
    ordered(lower, upper);
  }

  static void ordered(double lower, double upper) {
    if (!(lower <= upper)) {
      throw new IllegalArgumentException(
          "bounds: expected the lower one first, found " + lower + " and " + upper);
    }
  }
}
