package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Arrays;

/**
 * The offline half of hybrid GRPO: each mined pair is one group {chosen, rejected}. Immutable.
 *
 * @param pairsPerIteration groups per iteration, at least 0; 0 trains online only; 32 by default
 * @param chosenReward reward of the chosen answer, any number; 2 by default
 * @param rejectedReward reward of the rejected answer, any number; 0 by default
 * @param ddof delta degrees of freedom of the group's standard deviation, 0 or 1: a pair of
 *     different rewards normalises to ±1 with 0, the default, and to ±0.707 with 1, whatever the
 *     rewards
 * @param weight weight of each offline sequence in the loss, at least 0; 1 by default
 * @param rejectedShare share of the pairs whose rejected answer is trained on, in [0, 1], drawn
 *     anew in every iteration; of the others only the chosen one is, with the advantage it has in
 *     its group. 1 by default; less is ours, not the paper's
 * @param rejectedKl whether rejected answers, too, are held to the starting policy by KL, as they
 *     are by default. Its estimate exp(d) - d - 1 with d = start - policy supposes samples of the
 *     policy; on answers that training makes improbable it grows without bound and pulls them back.
 *     Without is ours, not the paper's
 * @param rejectedTokens which tokens of a rejected answer carry its advantage, all by default; the
 *     others have 0, and KL as all have
 */
@RecordBuilder
public record OfflineOptions(
    int pairsPerIteration,
    double chosenReward,
    double rejectedReward,
    int ddof,
    double weight,
    double rejectedShare,
    boolean rejectedKl,
    RejectedTokens rejectedTokens)
    implements OfflineOptionsBuilder.With {

  /** Tokens of a rejected answer. */
  public enum RejectedTokens {
    /** All of them, as in the paper. */
    ALL,
    /**
     * Those left when what it begins with and what it ends with like the chosen answer is taken
     * away, at least the first that differs: words that both answers share are not what is wrong
     * with it. Ours, not the paper's.
     */
    DIFFERING
  }

  public OfflineOptions {
    OptionChecks.require(
        pairsPerIteration >= 0, "pairsPerIteration must not be negative", pairsPerIteration);
    OptionChecks.finite("chosenReward", chosenReward);
    OptionChecks.finite("rejectedReward", rejectedReward);
    OptionChecks.require(ddof == 0 || ddof == 1, "ddof must be 0 or 1", ddof);
    OptionChecks.finite("weight", weight);
    OptionChecks.require(weight >= 0, "weight must not be negative", weight);
    OptionChecks.require(
        rejectedShare >= 0 && rejectedShare <= 1,
        "rejectedShare must be between 0 and 1",
        rejectedShare);
  }

  /** Every component at its default. */
  public static OfflineOptions defaults() {
    return new OfflineOptions(32, 2, 0, 0, 1, 1, true, RejectedTokens.ALL);
  }

  /** The advantage of each token of a rejected answer. */
  float[] rejectedAdvantages(int[] chosen, int[] rejected, float advantage) {
    float[] advantages = new float[rejected.length];
    int from = 0;
    int to = rejected.length;
    if (rejectedTokens == RejectedTokens.DIFFERING) {
      int shorter = Math.min(chosen.length, rejected.length);
      while (from < shorter && chosen[from] == rejected[from]) {
        from++;
      }
      int shared = 0;
      while (shared < shorter - from
          && chosen[chosen.length - 1 - shared] == rejected[rejected.length - 1 - shared]) {
        shared++;
      }
      to = Math.min(to, Math.max(from + 1, to - shared)); // stopping too soon differs as well
    }
    Arrays.fill(advantages, from, to, advantage);
    return advantages;
  }
}
