package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Direct preference optimisation (arXiv 2305.18290) against the starting weights. Immutable.
 *
 * @param optimizer AdamW with learning rate 1e-6 by default
 * @param steps optimiser steps, at least 1; 1000 by default
 * @param batchPairs pairs per step, at least 1; 32 by default
 * @param loss which pair loss; sigmoid by default
 * @param beta strength of the reference, above 0; 0.1 by default
 * @param labelSmoothing share of labels assumed flipped (sigmoid loss only), in [0, 0.5); 0 by
 *     default
 * @param microBatch pairs per forward pass, at least 0; 0, the default, takes the whole batch at
 *     once
 * @param seed of the order; 0 by default
 */
@RecordBuilder
public record DpoOptions(
    OptimizerOptions optimizer,
    int steps,
    int batchPairs,
    Loss loss,
    double beta,
    double labelSmoothing,
    int microBatch,
    long seed)
    implements DpoOptionsBuilder.With {

  /** The pair losses of {@code org.equipoise.torch.PairLoss}. */
  public enum Loss {
    SIGMOID,
    IPO,
    HINGE
  }

  public DpoOptions {
    OptionChecks.require(steps >= 1, "steps must be at least 1", steps);
    OptionChecks.require(batchPairs >= 1, "batchPairs must be at least 1", batchPairs);
    OptionChecks.finite("beta", beta);
    OptionChecks.require(beta > 0, "beta must be positive", beta);
    OptionChecks.require(
        labelSmoothing >= 0 && labelSmoothing < 0.5,
        "labelSmoothing must be in [0, 0.5)",
        labelSmoothing);
    OptionChecks.require(microBatch >= 0, "microBatch must not be negative", microBatch);
  }

  /** Every component at its default. */
  public static DpoOptions defaults() {
    return new DpoOptions(OptimizerOptions.adamW(1e-6), 1000, 32, Loss.SIGMOID, 0.1, 0, 0, 0);
  }
}
