package org.equipoise.torch;

/**
 * Means over the pairs of one call.
 *
 * @param accuracy fraction of pairs with a positive margin
 * @param margin reward of the chosen minus reward of the rejected answer
 * @param rewardChosen beta times the log-ratio of the chosen answer
 * @param rewardRejected beta times the log-ratio of the rejected answer
 * @param logProbChosen summed log-prob of the chosen answer under the policy
 * @param logProbRejected summed log-prob of the rejected answer under the policy
 */
public record PairMetrics(
    double accuracy,
    double margin,
    double rewardChosen,
    double rewardRejected,
    double logProbChosen,
    double logProbRejected) {}
