package org.equipoise.mbpo.train;

/**
 * The offline half of hybrid GRPO: each mined pair is one group {chosen, rejected}. Immutable.
 *
 * @param pairsPerIteration groups per iteration; 0 trains online only
 * @param chosenReward reward of the chosen answer
 * @param rejectedReward reward of the rejected answer
 * @param ddof delta degrees of freedom of the group's standard deviation: a pair of different
 *     rewards normalises to ±1 with 0 and to ±0.707 with 1, whatever the rewards
 * @param weight weight of each offline sequence in the loss
 */
public record OfflineOptions(
    int pairsPerIteration, double chosenReward, double rejectedReward, int ddof, double weight) {

  public OfflineOptions {
    Options.require(
        pairsPerIteration >= 0, "pairsPerIteration must not be negative", pairsPerIteration);
    Options.require(ddof == 0 || ddof == 1, "ddof must be 0 or 1", ddof);
    Options.require(weight >= 0, "weight must not be negative", weight);
  }

  /** 32 pairs, rewards 2 and 0, ddof 0, weight 1. */
  public static OfflineOptions defaults() {
    return new OfflineOptions(32, 2, 0, 0, 1);
  }

  public OfflineOptions pairsPerIteration(int pairs) {
    return new OfflineOptions(pairs, chosenReward, rejectedReward, ddof, weight);
  }

  public OfflineOptions rewards(double chosen, double rejected) {
    return new OfflineOptions(pairsPerIteration, chosen, rejected, ddof, weight);
  }

  public OfflineOptions ddof(int delta) {
    return new OfflineOptions(pairsPerIteration, chosenReward, rejectedReward, delta, weight);
  }

  public OfflineOptions weight(double value) {
    return new OfflineOptions(pairsPerIteration, chosenReward, rejectedReward, ddof, value);
  }
}
