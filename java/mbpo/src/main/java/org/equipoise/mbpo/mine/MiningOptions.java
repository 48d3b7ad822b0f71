package org.equipoise.mbpo.mine;

import io.soabase.recordbuilder.core.RecordBuilder;
import org.equipoise.mbpo.model.GenerationOptions;

/**
 * What makes a mined answer a usable negative. Immutable.
 *
 * @param batchSize samples at a time, at least 1; 64 by default
 * @param minimumDrop τ: the chosen answer's log-prob must fall by at least this many nats, at least
 *     0; 0 by default
 * @param maximumEditSimilarity rejected answers more similar to the chosen one are dropped; 1 −
 *     word edit distance / longer length, in (0, 1]; 0.95 by default
 * @param maximumLengthRatio longer answer over shorter one, in words, at least 1; 3 by default
 * @param maximumRepetition largest share of the answer that one repeated word may be, for answers
 *     of six words or more, in (0, 1]; 0.5 by default
 * @param requireFinished whether answers cut off by the length limit are dropped, as they are by
 *     default
 * @param twinsTogether whether a dropped sample takes its twin with it, as it does by default
 * @param generation how the rejected answer is generated; greedily by default
 */
@RecordBuilder
public record MiningOptions(
    int batchSize,
    double minimumDrop,
    double maximumEditSimilarity,
    double maximumLengthRatio,
    double maximumRepetition,
    boolean requireFinished,
    boolean twinsTogether,
    GenerationOptions generation)
    implements MiningOptionsBuilder.With {

  public MiningOptions {
    require(batchSize >= 1, "batchSize must be at least 1, found " + batchSize);
    require(
        minimumDrop >= 0 && Double.isFinite(minimumDrop),
        "minimumDrop must be finite and not negative, found " + minimumDrop);
    require(
        maximumEditSimilarity > 0 && maximumEditSimilarity <= 1,
        "maximumEditSimilarity must be in (0, 1], found " + maximumEditSimilarity);
    require(
        maximumLengthRatio >= 1,
        "maximumLengthRatio must be at least 1, found " + maximumLengthRatio);
    require(
        maximumRepetition > 0 && maximumRepetition <= 1,
        "maximumRepetition must be in (0, 1], found " + maximumRepetition);
  }

  /** Every component at its default. */
  public static MiningOptions defaults() {
    return new MiningOptions(64, 0, 0.95, 3, 0.5, true, true, GenerationOptions.greedy());
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
