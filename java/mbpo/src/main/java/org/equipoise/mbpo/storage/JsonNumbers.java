package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Numbers as files have them. Where a number does not fit, {@code asInt} and {@code asLong} cut it
 * (2⁴⁰ is 0), read texts and drop fractions, and 1e400 is a number that is infinite: whoever reads
 * a number of a file asks here first.
 */
public final class JsonNumbers {
  private JsonNumbers() {}

  /** Whether a value is a number without a fraction, from the least to the most, both included. */
  public static boolean isWhole(JsonNode value, long least, long most) {
    return value.isIntegralNumber()
        && value.canConvertToLong()
        && value.longValue() >= least
        && value.longValue() <= most;
  }

  /** Whether a value is a number that is neither infinite nor none. */
  public static boolean isFinite(JsonNode value) {
    return value.isNumber() && Double.isFinite(value.doubleValue());
  }

  /** Whether a value is a finite number above zero. */
  public static boolean isPositive(JsonNode value) {
    return isFinite(value) && value.doubleValue() > 0;
  }
}
