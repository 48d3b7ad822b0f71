package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Hybrid GRPO: offline pairs and online groups in one policy loss,
 *
 * <pre>loss = (Σ_offline w·ℓ_i + Σ_online v·ℓ_i) / (n_offline + n_online)</pre>
 *
 * with ℓ_i by the chosen normaliser. Immutable.
 *
 * @param optimizer its steps are iterations × updates; AdamW with learning rate 1e-6 by default
 * @param iterations draws of data, at least 1; 500 by default
 * @param updatesPerIteration optimiser steps on each draw, at least 1; 1 by default
 * @param microBatch sequences per forward pass, at least 0; 0, the default, takes all at once
 * @param policy the loss
 * @param offline the mined pairs
 * @param online the sampled answers
 * @param seed of order and sampling; 0 by default
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
    OptionChecks.require(iterations >= 1, "iterations must be at least 1", iterations);
    OptionChecks.require(
        updatesPerIteration >= 1, "updatesPerIteration must be at least 1", updatesPerIteration);
    OptionChecks.require(microBatch >= 0, "microBatch must not be negative", microBatch);
    OptionChecks.require(
        offline.pairsPerIteration() > 0
            || (online.promptsPerIteration() > 0 && online.maxGroups() > 0),
        "at least one of offline pairs and online prompts must be trained on",
        "none");
  }

  /** Every component at its default. */
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
