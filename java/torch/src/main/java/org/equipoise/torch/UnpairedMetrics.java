package org.equipoise.torch;

/**
 * Figures of one call. Sums leave NaN out; divided by the counts they are means, over the batches
 * of several processes, too.
 *
 * @param kl mean log-ratio of the mismatched answers, at least 0; 0 without them
 * @param rewardMean running mean of the rewards, as BCO compared with it
 * @param rows answers whose log-ratio is a number: those that the loss is the mean over
 * @param desirable answers with that label
 * @param undesirable answers with that label
 * @param rewardDesirableSum of the rewards of the desirable answers
 * @param rewardUndesirableSum of the rewards of the undesirable answers
 * @param logProbDesirableSum of their summed log-probs under the policy
 * @param logProbUndesirableSum of their summed log-probs under the policy
 */
public record UnpairedMetrics(
    double kl,
    double rewardMean,
    double rows,
    double desirable,
    double undesirable,
    double rewardDesirableSum,
    double rewardUndesirableSum,
    double logProbDesirableSum,
    double logProbUndesirableSum) {

  /** From the kernel's vector. */
  static UnpairedMetrics of(double[] m) {
    return new UnpairedMetrics(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]);
  }

  /** Mean reward of the desirable answers; NaN without any. */
  public double rewardDesirable() {
    return rewardDesirableSum / desirable;
  }

  /** Mean reward of the undesirable answers; NaN without any. */
  public double rewardUndesirable() {
    return rewardUndesirableSum / undesirable;
  }

  /** Difference of the two mean rewards; NaN where a label does not occur. */
  public double margin() {
    return rewardDesirable() - rewardUndesirable();
  }
}
