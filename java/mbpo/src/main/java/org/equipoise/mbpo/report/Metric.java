package org.equipoise.mbpo.report;

import io.soabase.recordbuilder.core.RecordBuilder;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * One column of a result table.
 *
 * @param id short stable name, used in CSV files
 * @param label column heading, for example {@code "AUC, trap questions"}
 * @param meaning what is measured, in words for someone who never heard of it, without a full stop;
 *     it becomes the subject of the verdict's sentence, for example {@code "Telling present objects
 *     from absent ones on trap questions (AUC)"}
 * @param better which way is good
 * @param decimals digits after the point
 * @param headline whether the verdict speaks about it
 */
@RecordBuilder
public record Metric(
    String id, String label, String meaning, Direction better, int decimals, boolean headline)
    implements MetricBuilder.With {

  /** More digits than a double has. */
  private static final int MOST_DECIMALS = 17;

  public Metric {
    if (decimals < 0 || decimals > MOST_DECIMALS) {
      throw new IllegalArgumentException(
          "metric "
              + Excerpt.quoted(label)
              + ": expected 0 to "
              + MOST_DECIMALS
              + " decimals, found "
              + decimals);
    }
  }

  /** Which way is good. */
  public enum Direction {
    HIGHER,
    LOWER,
    /** Shown, never judged: a yes-ratio, a caption length. */
    NEITHER
  }

  public static Metric higherIsBetter(String id, String label, String meaning) {
    return new Metric(id, label, meaning, Direction.HIGHER, 3, false);
  }

  public static Metric lowerIsBetter(String id, String label, String meaning) {
    return new Metric(id, label, meaning, Direction.LOWER, 3, false);
  }

  /** Shown without judgement. */
  public static Metric shown(String id, String label, String meaning) {
    return new Metric(id, label, meaning, Direction.NEITHER, 3, false);
  }
}
