package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Hybrid GRPO: offline pairs and online groups in one policy loss,
 *
 * <pre>loss = (Σ_offline w·ℓ_i + Σ_online v·ℓ_i) / (n_offline + n_online)</pre>
 *
 * with ℓ_i by the chosen normaliser. Immutable.
 *
 * @param optimizer learning rate and the like; its steps are iterations × updates
 * @param iterations draws of data
 * @param updatesPerIteration optimiser steps on each draw
 * @param microBatch sequences per forward pass; 0 takes all at once
 * @param policy the loss
 * @param offline the mined pairs
 * @param online the sampled answers
 * @param seed of order and sampling
 */
@RecordBuilder
public record HybridGrpoOptions(
    OptimizerOptions optimizer,
    int iterations,
    int updatesPerIteration,
    int microBatch,
    PolicyOptions policy,
    OfflineOptions offline,
    OnlineOptions online,
    long seed)
    implements HybridGrpoOptionsBuilder.With {

  public HybridGrpoOptions {
    Options.require(iterations >= 1, "iterations must be at least 1", iterations);
    Options.require(
        updatesPerIteration >= 1, "updatesPerIteration must be at least 1", updatesPerIteration);
    Options.require(microBatch >= 0, "microBatch must not be negative", microBatch);
    Options.require(
        offline.pairsPerIteration() > 0
            || (online.promptsPerIteration() > 0 && online.maxGroups() > 0),
        "at least one of offline pairs and online prompts must be trained on",
        "none");
  }

  /** Learning rate 1e-6, 500 iterations of one update, both halves at their defaults. */
  public static HybridGrpoOptions defaults() {
    return new HybridGrpoOptions(
        OptimizerOptions.adamW(1e-6),
        500,
        1,
        0,
        PolicyOptions.defaults(),
        OfflineOptions.defaults(),
        OnlineOptions.defaults(),
        0);
  }
}
