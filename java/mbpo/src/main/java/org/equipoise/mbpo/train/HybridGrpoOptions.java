package org.equipoise.mbpo.train;

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
public record HybridGrpoOptions(
    OptimizerOptions optimizer,
    int iterations,
    int updatesPerIteration,
    int microBatch,
    PolicyOptions policy,
    OfflineOptions offline,
    OnlineOptions online,
    long seed) {

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

  public HybridGrpoOptions optimizer(OptimizerOptions options) {
    return new HybridGrpoOptions(
        options, iterations, updatesPerIteration, microBatch, policy, offline, online, seed);
  }

  public HybridGrpoOptions iterations(int draws, int updatesEach) {
    return new HybridGrpoOptions(
        optimizer, draws, updatesEach, microBatch, policy, offline, online, seed);
  }

  public HybridGrpoOptions microBatch(int sequences) {
    return new HybridGrpoOptions(
        optimizer, iterations, updatesPerIteration, sequences, policy, offline, online, seed);
  }

  public HybridGrpoOptions policy(PolicyOptions options) {
    return new HybridGrpoOptions(
        optimizer, iterations, updatesPerIteration, microBatch, options, offline, online, seed);
  }

  public HybridGrpoOptions offline(OfflineOptions options) {
    return new HybridGrpoOptions(
        optimizer, iterations, updatesPerIteration, microBatch, policy, options, online, seed);
  }

  public HybridGrpoOptions online(OnlineOptions options) {
    return new HybridGrpoOptions(
        optimizer, iterations, updatesPerIteration, microBatch, policy, offline, options, seed);
  }

  public HybridGrpoOptions seed(long value) {
    return new HybridGrpoOptions(
        optimizer, iterations, updatesPerIteration, microBatch, policy, offline, online, value);
  }
}
