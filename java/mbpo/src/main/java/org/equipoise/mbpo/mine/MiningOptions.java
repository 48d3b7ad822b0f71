package org.equipoise.mbpo.mine;

import io.soabase.recordbuilder.core.RecordBuilder;
import org.equipoise.mbpo.model.GenerationOptions;

/**
 * What makes a mined answer a usable negative. Immutable.
 *
 * @param batchSize samples at a time
 * @param minimumDrop τ: the chosen answer's log-prob must fall by at least this many nats
 * @param maximumEditSimilarity rejected answers more similar to the chosen one are dropped; 1 −
 *     word edit distance / longer length
 * @param maximumLengthRatio longer answer over shorter one, in words
 * @param maximumRepetition largest share of the answer that one repeated word may be, for answers
 *     of six words or more
 * @param requireFinished whether answers cut off by the length limit are dropped
 * @param twinsTogether whether a dropped sample takes its twin with it
 * @param generation how the rejected answer is generated
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

  /** Batches of 64, τ 0, similarity 0.95, length ratio 3, repetition 0.5, greedy. */
  public static MiningOptions defaults() {
    return new MiningOptions(64, 0, 0.95, 3, 0.5, true, true, GenerationOptions.greedy());
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
