package org.equipoise.mbpo.report;

import java.util.Locale;

/** Numbers as a reader sees them: a real minus sign, a dash for what was not measured. */
final class Numbers {
  static final String MISSING = "–";

  private Numbers() {}

  static String plain(double value, int decimals) {
    if (Double.isNaN(value)) {
      return MISSING;
    }
    String digits = String.format(Locale.ROOT, "%." + decimals + "f", Math.abs(value));
    boolean zero = digits.chars().allMatch(c -> c == '0' || c == '.');
    return value < 0 && !zero ? "−" + digits : digits;
  }

  static String signed(double value, int decimals) {
    String text = plain(value, decimals);
    return value > 0 && !text.equals(plain(0, decimals)) ? "+" + text : text;
  }

  /** {@code "0.91 to 0.95"}, or empty without bounds. */
  static String bounds(Interval interval, int decimals) {
    return interval.hasBounds()
        ? plain(interval.low(), decimals) + " to " + plain(interval.high(), decimals)
        : "";
  }

  /** {@code "+0.04 to +0.12"}, or empty without bounds. */
  static String signedBounds(Interval interval, int decimals) {
    return interval.hasBounds()
        ? signed(interval.low(), decimals) + " to " + signed(interval.high(), decimals)
        : "";
  }

  /** A coordinate for SVG: short, locale-free. */
  static String coordinate(double value) {
    String text = String.format(Locale.ROOT, "%.1f", value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }
}
