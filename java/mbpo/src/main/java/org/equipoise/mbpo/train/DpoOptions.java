package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Direct preference optimisation (arXiv 2305.18290) against the starting weights. Immutable.
 *
 * @param optimizer learning rate and the like
 * @param steps optimiser steps
 * @param batchPairs pairs per step
 * @param loss which pair loss
 * @param beta strength of the reference
 * @param labelSmoothing share of labels assumed flipped (sigmoid loss only)
 * @param microBatch pairs per forward pass; 0 takes the whole batch at once
 * @param seed of the order
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
    Options.require(steps >= 1, "steps must be at least 1", steps);
    Options.require(batchPairs >= 1, "batchPairs must be at least 1", batchPairs);
    Options.finite("beta", beta);
    Options.require(beta > 0, "beta must be positive", beta);
    Options.require(
        labelSmoothing >= 0 && labelSmoothing < 0.5,
        "labelSmoothing must be in [0, 0.5)",
        labelSmoothing);
    Options.require(microBatch >= 0, "microBatch must not be negative", microBatch);
  }

  /** Sigmoid loss, β 0.1, learning rate 1e-6, 1000 steps of 32 pairs. */
  public static DpoOptions defaults() {
    return new DpoOptions(OptimizerOptions.adamW(1e-6), 1000, 32, Loss.SIGMOID, 0.1, 0, 0, 0);
  }
}
