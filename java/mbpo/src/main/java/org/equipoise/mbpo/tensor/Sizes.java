package org.equipoise.mbpo.tensor;

/** Products of sizes, which ints and longs would cut without a word. */
public final class Sizes {
  private Sizes() {}

  /**
   * Elements of an array of these sizes.
   *
   * @param what the array is, for the error
   * @throws IllegalArgumentException if Java has no array of so many
   */
  public static int array(String what, long... sizes) {
    long product = 1;
    try {
      for (long size : sizes) {
        product = Math.multiplyExact(product, size);
      }
    } catch (ArithmeticException e) {
      throw tooLarge(what, "more than " + Long.MAX_VALUE);
    }
    if (product > Integer.MAX_VALUE - 8) {
      throw tooLarge(what, Long.toString(product));
    }
    return (int) product;
  }

  private static IllegalArgumentException tooLarge(String what, String found) {
    return new IllegalArgumentException(
        what
            + ": expected at most "
            + (Integer.MAX_VALUE - 8)
            + " numbers at a time, found "
            + found
            + "; take fewer rows at a time, smaller images or shorter texts");
  }

  /** A product or sum of bytes that is only estimated: the largest long where it is more. */
  public static long saturated(double bytes) {
    return (long) bytes;
  }
}
