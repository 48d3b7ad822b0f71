package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Supervised fine-tuning: token-mean cross-entropy of the gold answers. Immutable.
 *
 * @param optimizer learning rate and the like
 * @param steps optimiser steps
 * @param batchSize samples per step
 * @param blankImageShare share of samples shown with the blind image, which calibrates the blind
 *     prior
 * @param microBatch samples per forward pass; 0 takes the whole batch at once
 * @param seed of order and blanking
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
    Options.require(steps >= 1, "steps must be at least 1", steps);
    Options.require(batchSize >= 1, "batchSize must be at least 1", batchSize);
    Options.require(
        blankImageShare >= 0 && blankImageShare <= 1,
        "blankImageShare must be in [0, 1]",
        blankImageShare);
    Options.require(microBatch >= 0, "microBatch must not be negative", microBatch);
  }

  /** Learning rate 1e-5, 1000 steps of 64 samples. */
  public static SftOptions defaults() {
    return new SftOptions(OptimizerOptions.adamW(1e-5), 1000, 64, 0, 0, 0);
  }
}
