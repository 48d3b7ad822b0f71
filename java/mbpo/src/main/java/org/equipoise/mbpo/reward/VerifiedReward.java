package org.equipoise.mbpo.reward;

import org.equipoise.mbpo.data.Sample;

/** Reward of an answer that can be checked. Implementations are immutable and thread-safe. */
public interface VerifiedReward {
  /** Whether the answer is right, and what that earns. */
  Reward judge(Sample sample, String answer);

  /**
   * Format and accuracy: correct + well formed gives {@code both}, well formed only gives {@code
   * formatOnly}, anything else 0.
   */
  static VerifiedReward formatAndAccuracy(AnswerVerifier verifier, double both, double formatOnly) {
    return (sample, answer) -> {
      boolean wellFormed = verifier.wellFormed(sample, answer);
      boolean correct = wellFormed && verifier.correct(sample, answer);
      double total = correct ? both : wellFormed ? formatOnly : 0;
      return new Reward(correct, wellFormed, total);
    };
  }

  /** {@link #formatAndAccuracy(AnswerVerifier, double, double)} with 2 and 1. */
  static VerifiedReward formatAndAccuracy(AnswerVerifier verifier) {
    return formatAndAccuracy(verifier, 2, 1);
  }
}
