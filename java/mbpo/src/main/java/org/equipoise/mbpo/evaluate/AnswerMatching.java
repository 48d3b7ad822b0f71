package org.equipoise.mbpo.evaluate;

import java.util.Locale;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;
import org.jspecify.annotations.Nullable;

/** How words are found in answers. */
public enum AnswerMatching {
  /** Whole words, case and punctuation aside; an answer with both yes and no says neither. */
  WORDS,
  /**
   * Anywhere in the text, "no" before "yes", as published scripts do: "I know" then says no, and
   * "hot dog" mentions a dog. Only to reproduce numbers that were measured so.
   */
  SUBSTRING;

  private static final AnswerVerifier CHOICE = Verifiers.multipleChoice();

  /** True for yes, false for no, null for neither. */
  @Nullable Boolean yesOrNo(String answer) {
    if (this == WORDS) {
      return Verifiers.yesOrNo(answer);
    }
    String text = answer.toLowerCase(Locale.ROOT);
    return text.contains("no") ? Boolean.FALSE : text.contains("yes") ? Boolean.TRUE : null;
  }

  /** Whether the answer chooses the right option. */
  boolean chooses(Sample sample, String answer) {
    return CHOICE.correct(sample, answer)
        || this == SUBSTRING
            && answer.toLowerCase(Locale.ROOT).contains(sample.answer().toLowerCase(Locale.ROOT));
  }
}
