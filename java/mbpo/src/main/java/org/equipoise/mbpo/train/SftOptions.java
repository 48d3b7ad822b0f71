package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Supervised fine-tuning: token-mean cross-entropy of the gold answers. Immutable.
 *
 * @param optimizer AdamW with learning rate 1e-5 by default
 * @param steps optimiser steps, at least 1; 1000 by default
 * @param batchSize samples per step, at least 1; 64 by default
 * @param blankImageShare share of samples shown with the blind image, which calibrates the blind
 *     prior, in [0, 1]; 0 by default
 * @param microBatch samples per forward pass, at least 0; 0, the default, takes the whole batch at
 *     once
 * @param seed of order and blanking; 0 by default
 */
@RecordBuilder
public record SftOptions(
    OptimizerOptions optimizer,
    int steps,
    int batchSize,
    double blankImageShare,
    int microBatch,
    long seed)
    implements SftOptionsBuilder.With {

  public SftOptions {
    OptionChecks.require(steps >= 1, "steps must be at least 1", steps);
    OptionChecks.require(batchSize >= 1, "batchSize must be at least 1", batchSize);
    OptionChecks.require(
        blankImageShare >= 0 && blankImageShare <= 1,
        "blankImageShare must be in [0, 1]",
        blankImageShare);
    OptionChecks.require(microBatch >= 0, "microBatch must not be negative", microBatch);
  }

  /** Every component at its default. */
  public static SftOptions defaults() {
    return new SftOptions(OptimizerOptions.adamW(1e-5), 1000, 64, 0, 0, 0);
  }
}
