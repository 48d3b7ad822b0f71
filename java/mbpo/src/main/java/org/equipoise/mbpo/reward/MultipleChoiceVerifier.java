package org.equipoise.mbpo.reward;

import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Excerpt;

/** An offered option by its text or by its letter. */
final class MultipleChoiceVerifier implements AnswerVerifier {

  @Override
  public boolean correct(Sample sample, String answer) {
    return choice(sample, answer) == gold(sample);
  }

  /** Index of the right option. */
  static int gold(Sample sample) {
    int gold = choice(sample, sample.answer());
    if (gold < 0) {
      throw new IllegalArgumentException(
          "the gold answer "
              + Excerpt.quoted(sample.answer())
              + " of sample "
              + Excerpt.of(sample.id())
              + " is none of its options "
              + Excerpt.of(sample.options().toString()));
    }
    return gold;
  }

  @Override
  public boolean wellFormed(Sample sample, String answer) {
    return choice(sample, answer) >= 0;
  }

  /** Index of the option that the answer names, or -1 for none or more than one reading. */
  static int choice(Sample sample, String answer) {
    if (sample.options().isEmpty()) {
      throw new IllegalArgumentException(
          "multiple-choice sample " + Excerpt.of(sample.id()) + " has no options");
    }
    // Signs are no words: "-1" and "+1" differ in nothing else.
    int same = sample.options().indexOf(answer.strip());
    if (same >= 0) {
      return same;
    }
    List<String> words = Verifiers.words(answer);
    if (words.isEmpty()) {
      return -1;
    }
    for (int i = 0; i < sample.options().size(); i++) {
      if (Verifiers.words(sample.options().get(i)).equals(words)) {
        return i;
      }
    }
    String first = words.get(0);
    int letter = first.length() == 1 ? first.charAt(0) - 'a' : -1;
    if (letter < 0 || letter >= sample.options().size()) {
      return -1;
    }
    List<String> rest = words.subList(1, words.size());
    boolean agrees = rest.isEmpty() || Verifiers.words(sample.options().get(letter)).equals(rest);
    return agrees ? letter : -1;
  }
}
