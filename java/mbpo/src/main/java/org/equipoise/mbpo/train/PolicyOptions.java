package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;
import org.equipoise.kernels.PolicyKl;

/**
 * The policy loss of hybrid GRPO. Immutable.
 *
 * @param normalizer how token losses become one number; GRPO's by default
 * @param epsilonLow clip below {@code 1 − epsilonLow}, in [0, 1]; 0.2 by default
 * @param epsilonHigh clip above {@code 1 + epsilonHigh}, at least 0; 0.2 by default
 * @param klBeta weight of KL to the starting weights, at least 0; 0 is off; 0.01 by default
 * @param kl its estimate from the answers' log-probs; k3 by default
 * @param negativeLogProbFloor a token with negative advantage is pushed only while its log-prob is
 *     above this, in nats, at most 0; minus infinity, the default, is off. Ours, not the paper's
 * @param oldPolicy what the ratio divides by for offline answers; the policy at the start of the
 *     iteration by default
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
    OptionChecks.require(
        epsilonLow >= 0 && epsilonLow <= 1, "epsilonLow must be in [0, 1]", epsilonLow);
    OptionChecks.require(epsilonHigh >= 0, "epsilonHigh must not be negative", epsilonHigh);
    OptionChecks.finite("klBeta", klBeta);
    OptionChecks.require(klBeta >= 0, "klBeta must not be negative", klBeta);
    OptionChecks.require(
        negativeLogProbFloor <= 0,
        "negativeLogProbFloor must not be positive",
        negativeLogProbFloor);
  }

  /** Every component at its default. */
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
