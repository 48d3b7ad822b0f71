package org.equipoise.mbpo.reward;

import org.equipoise.mbpo.data.Sample;

/**
 * Says whether an answer text is correct and well formed. Words are compared whole: "know" does not
 * contain "no". Implementations are immutable and thread-safe.
 */
public interface AnswerVerifier {
  /** Whether {@code answer} says the same as the sample's gold answer. */
  boolean correct(Sample sample, String answer);

  /** Whether {@code answer} has the form that the question asks for, right or wrong. */
  boolean wellFormed(Sample sample, String answer);
}
