package org.equipoise.torch;

import java.util.List;

/**
 * Figures of the rewards of one call, as given; NaN for what has no reward.
 *
 * @param rewardMean mean of the weighted sums of rewards
 * @param rewardStd their standard deviation, with the chosen ddof
 * @param equalGroups share of the groups whose members are all equal: they teach nothing
 * @param functions mean and standard deviation of each reward function, where it has a reward
 */
public record AdvantageMetrics(
    double rewardMean, double rewardStd, double equalGroups, List<Function> functions) {
  /** Figures of one reward function. */
  public record Function(double mean, double std) {}
}
