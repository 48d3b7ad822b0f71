package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;
import org.equipoise.kernels.PolicyKl;

/**
 * The policy loss of hybrid GRPO. Immutable.
 *
 * @param normalizer how token losses become one number
 * @param epsilonLow clip below {@code 1 − epsilonLow}
 * @param epsilonHigh clip above {@code 1 + epsilonHigh}
 * @param klBeta weight of KL to the starting weights; 0 is off
 * @param kl its estimate from the answers' log-probs
 * @param negativeLogProbFloor a token with negative advantage is pushed only while its log-prob is
 *     above this; minus infinity is off. Ours, not the paper's
 * @param oldPolicy what the ratio divides by for offline answers
 */
@RecordBuilder
public record PolicyOptions(
    Normalizer normalizer,
    double epsilonLow,
    double epsilonHigh,
    double klBeta,
    PolicyKl kl,
    double negativeLogProbFloor,
    OldPolicy oldPolicy)
    implements PolicyOptionsBuilder.With {

  /** Normalisers of {@code org.equipoise.torch.PolicyLoss}. */
  public enum Normalizer {
    GRPO,
    DR_GRPO,
    DAPO
  }

  /** Whose log-probs stand below the ratio. */
  public enum OldPolicy {
    /**
     * The policy at the start of the iteration. With one update per iteration the ratio is 1 and
     * the clip is inert.
     */
    ITERATION_START,
    /** The policy that mined the pairs, which is the starting one; online answers as above. */
    MINING
  }

  public PolicyOptions {
    Options.require(epsilonLow >= 0 && epsilonLow <= 1, "epsilonLow must be in [0, 1]", epsilonLow);
    Options.require(epsilonHigh >= 0, "epsilonHigh must not be negative", epsilonHigh);
    Options.finite("klBeta", klBeta);
    Options.require(klBeta >= 0, "klBeta must not be negative", klBeta);
    Options.require(
        negativeLogProbFloor <= 0,
        "negativeLogProbFloor must not be positive",
        negativeLogProbFloor);
  }

  /** GRPO normaliser, clip 0.2/0.2, KL k3 with β 0.01, no floor, old policy = iteration start. */
  public static PolicyOptions defaults() {
    return new PolicyOptions(
        Normalizer.GRPO,
        0.2,
        0.2,
        0.01,
        PolicyKl.K3,
        Double.NEGATIVE_INFINITY,
        OldPolicy.ITERATION_START);
  }
}
