package org.equipoise.torch;

/**
 * Figures over the unmasked tokens of one call; 0 where the tensor that they need was not given.
 *
 * @param clipLow fraction with a negative advantage and a ratio below the lower bound
 * @param clipHigh fraction with a positive advantage and a ratio above the upper bound
 * @param dualClip fraction with a negative advantage and a ratio above the dual clip
 * @param ratio mean probability ratio to the old policy
 * @param weight mean held weight of CISPO (the clipped ratio) or VESPO (phi); otherwise 0
 * @param kl mean estimate of the KL to the reference as in the loss, in nats
 * @param entropy mean entropy, in nats
 * @param entropyKept fraction with at least the threshold's entropy
 * @param offPolicy fraction dropped by the off-policy mask
 * @param samplerRatio mean ratio of the old policy to the sampler after its limits
 * @param samplerLimited fraction whose ratio to the sampler was outside of the limits
 * @param samplerDifference mean absolute difference of old and sampler log-probs
 * @param floored fraction silenced by the floor of negative log-probs
 * @param tokens number of unmasked tokens
 */
public record PolicyMetrics(
    double clipLow,
    double clipHigh,
    double dualClip,
    double ratio,
    double weight,
    double kl,
    double entropy,
    double entropyKept,
    double offPolicy,
    double samplerRatio,
    double samplerLimited,
    double samplerDifference,
    double floored,
    double tokens) {

  /** From the kernel's vector. */
  static PolicyMetrics of(double[] m) {
    return new PolicyMetrics(
        m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11], m[12], m[13]);
  }

  /** Fraction clipped on either side. */
  public double clipRegion() {
    return clipLow + clipHigh;
  }
}
