package org.equipoise.mbpo.command;

import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Checks answers by what a sample is: one with options as multiple choice, one whose gold answer
 * says yes or no as such, any other word by word.
 */
enum SampleVerifier implements AnswerVerifier {
  INSTANCE;

  private static final AnswerVerifier YES_NO = Verifiers.yesNo();
  private static final AnswerVerifier CHOICE = Verifiers.multipleChoice();
  private static final AnswerVerifier EXACT = Verifiers.exact();

  private static AnswerVerifier of(Sample sample) {
    if (!sample.options().isEmpty()) {
      return CHOICE;
    }
    return isYesNo(sample) ? YES_NO : EXACT;
  }

  static boolean isYesNo(Sample sample) {
    return sample.options().isEmpty()
        && Verifiers.words(sample.answer()).size() <= 2
        && Verifiers.yesOrNo(sample.answer()) != null;
  }

  /** Whether a computer can tell if an answer is right: what online answers need. */
  static boolean isClosed(Sample sample) {
    return !sample.options().isEmpty() || isYesNo(sample);
  }

  /** Refuses a sample whose gold answer its own verifier does not take. */
  static void requireGold(Sample sample) {
    if (!INSTANCE.correct(sample, sample.answer())) {
      throw new IllegalArgumentException(
          "the gold answer " + Excerpt.quoted(sample.answer()) + " does not count as right");
    }
  }

  @Override
  public boolean correct(Sample sample, String answer) {
    return of(sample).correct(sample, answer);
  }

  @Override
  public boolean wellFormed(Sample sample, String answer) {
    return of(sample).wellFormed(sample, answer);
  }
}
