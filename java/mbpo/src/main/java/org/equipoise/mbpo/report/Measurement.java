package org.equipoise.mbpo.report;

import org.jspecify.annotations.Nullable;

/**
 * One cell of a result table.
 *
 * @param value the measured value with its interval
 * @param difference paired difference (this method − the table's reference method) with its
 *     interval, {@code null} for the reference itself or where it was not computed
 */
public record Measurement(Interval value, @Nullable Interval difference) {

  public Measurement {
    if (value == null) {
      throw new IllegalArgumentException("a measurement needs a value; leave the cell out instead");
    }
  }
}
