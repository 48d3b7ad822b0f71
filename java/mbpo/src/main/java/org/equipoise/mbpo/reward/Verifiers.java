package org.equipoise.mbpo.reward;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/** Word-exact verifiers for closed questions. */
public final class Verifiers {
  private Verifiers() {}

  /**
   * Yes/no: the answer must contain exactly one of the words "yes" and "no", and nothing of the
   * other.
   */
  public static AnswerVerifier yesNo() {
    return new AnswerVerifier() {
      @Override
      public boolean correct(Sample sample, String answer) {
        Boolean gold = yesOrNo(sample.answer());
        if (gold == null) {
          throw new IllegalArgumentException(
              "the gold answer of yes/no sample "
                  + Excerpt.of(sample.id())
                  + " must say yes or no, found "
                  + Excerpt.quoted(sample.answer()));
        }
        return gold.equals(yesOrNo(answer));
      }

      @Override
      public boolean wellFormed(Sample sample, String answer) {
        return yesOrNo(answer) != null;
      }
    };
  }

  /**
   * Multiple choice: the answer is one offered option (as text), or its letter: "b", "(b)", "b)
   * bone". The gold answer may be either form as well.
   */
  public static AnswerVerifier multipleChoice() {
    return new MultipleChoiceVerifier();
  }

  /** The offered option that the gold answer of a multiple-choice sample names. */
  public static String goldOption(Sample sample) {
    return sample.options().get(MultipleChoiceVerifier.gold(sample));
  }

  /** The answer equals the gold answer word by word, case and punctuation aside. */
  public static AnswerVerifier exact() {
    return new AnswerVerifier() {
      @Override
      public boolean correct(Sample sample, String answer) {
        return words(sample.answer()).equals(words(answer));
      }

      @Override
      public boolean wellFormed(Sample sample, String answer) {
        return !words(answer).isEmpty();
      }
    };
  }

  /** One verifier per sample kind; a kind without one is refused with its name. */
  public static AnswerVerifier byKind(Map<String, AnswerVerifier> verifiers) {
    Map<String, AnswerVerifier> byKind = new TreeMap<>(verifiers);
    return new AnswerVerifier() {
      @Override
      public boolean correct(Sample sample, String answer) {
        return of(sample).correct(sample, answer);
      }

      @Override
      public boolean wellFormed(Sample sample, String answer) {
        return of(sample).wellFormed(sample, answer);
      }

      private AnswerVerifier of(Sample sample) {
        AnswerVerifier verifier = byKind.get(sample.kind());
        if (verifier == null) {
          throw new IllegalArgumentException(
              "no verifier for kind \""
                  + Excerpt.of(sample.kind())
                  + "\" of sample "
                  + Excerpt.of(sample.id())
                  + "; verifiers exist for "
                  + byKind.keySet());
        }
        return verifier;
      }
    };
  }

  /** True for yes, false for no, null for neither or both. */
  public static @Nullable Boolean yesOrNo(String answer) {
    Set<String> found = new HashSet<>(words(answer));
    boolean yes = found.contains("yes");
    boolean no = found.contains("no");
    return yes == no ? null : Boolean.valueOf(yes);
  }

  /** Lower-case words: runs of letters and digits of any script, inner apostrophes kept. */
  public static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    String lower = text.toLowerCase(Locale.ROOT);
    for (int at = 0; at < lower.length(); ) {
      int point = lower.codePointAt(at);
      at += Character.charCount(point);
      boolean apostrophe =
          point == '\''
              && word.length() > 0
              && at < lower.length()
              && Character.isLetter(lower.codePointAt(at));
      if (Character.isLetterOrDigit(point) || apostrophe) {
        word.appendCodePoint(point);
      } else if (word.length() > 0) {
        words.add(word.toString());
        word.setLength(0);
      }
    }
    if (word.length() > 0) {
      words.add(word.toString());
    }
    return words;
  }
}
