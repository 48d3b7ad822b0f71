package org.equipoise.mbpo.report;

import org.jspecify.annotations.Nullable;

/**
 * What an interval of a paired difference allows to say.
 *
 * <p>Rule: the 95 % interval of (method − reference) lies wholly on the good side of zero: better;
 * wholly on the bad side: worse; otherwise no clear difference. Without an interval, or for a
 * metric without a good side, nothing is said.
 */
public enum Verdict {
  BETTER("better"),
  NO_CLEAR_DIFFERENCE("no clear difference"),
  WORSE("worse");

  private final String words;

  Verdict(String words) {
    this.words = words;
  }

  /** In plain words, for example {@code "no clear difference"}. */
  public String words() {
    return words;
  }

  /** Applies the rule; {@code null} when the rule says nothing. */
  public static @Nullable Verdict of(Metric.Direction direction, @Nullable Interval difference) {
    if (difference == null || !difference.hasBounds() || direction == Metric.Direction.NEITHER) {
      return null;
    }
    boolean higher = difference.low() > 0;
    boolean lower = difference.high() < 0;
    if (!higher && !lower) {
      return NO_CLEAR_DIFFERENCE;
    }
    return higher == (direction == Metric.Direction.HIGHER) ? BETTER : WORSE;
  }
}
