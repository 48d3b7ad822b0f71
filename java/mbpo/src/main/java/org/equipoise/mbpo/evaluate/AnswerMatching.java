package org.equipoise.mbpo.evaluate;

import java.util.Locale;
import java.util.regex.Pattern;
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
   * "hot dog" mentions a dog. Only to reproduce numbers that were measured so. A single letter or
   * digit is in nearly every text: it counts where it stands by itself at the end of a clause, and
   * the letter of an option as that option's text, too.
   */
  SUBSTRING;

  private static final String NO_WORD_BEFORE = "(?<![\\p{L}\\p{N}])";
  private static final String END_OF_CLAUSE = "(?=\\s*($|[).,:;!?\"']))";
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
            && (contains(answer, sample.answer().strip())
                || contains(answer, Verifiers.goldOption(sample)));
  }

  /** Whether a text is in an answer; a single character only by itself, a letter as a capital. */
  private static boolean contains(String answer, String text) {
    if (text.codePointCount(0, text.length()) > 1) {
      return answer.toLowerCase(Locale.ROOT).contains(text.toLowerCase(Locale.ROOT));
    }
    String sign = Pattern.quote(text.toUpperCase(Locale.ROOT));
    return Pattern.compile(NO_WORD_BEFORE + sign + END_OF_CLAUSE).matcher(answer).find();
  }
}
