package org.equipoise.mbpo.report;

/**
 * A measured value with the bounds of its 95 % interval, {@code low <= high}. A percentile interval
 * need not contain the value. Bounds are NaN when no interval was computed; the value is NaN when
 * nothing could be measured.
 */
public record Interval(double value, double low, double high) {

  public Interval {
    if (Double.isNaN(low) != Double.isNaN(high) || low > high) {
      throw new IllegalArgumentException(
          "interval bounds must be ordered, or both NaN; found low " + low + ", high " + high);
    }
  }

  /** A value without an interval. */
  public static Interval of(double value) {
    return new Interval(value, Double.NaN, Double.NaN);
  }

  public boolean hasBounds() {
    return !Double.isNaN(low);
  }
}
