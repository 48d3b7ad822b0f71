package org.equipoise.mbpo.mine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;
import org.jspecify.annotations.Nullable;

/** Decides whether a mined answer is a usable negative. */
final class NegativeFilter {
  private static final int REPETITION_FROM_WORDS = 6;

  private final MiningOptions options;
  private final AnswerVerifier verifier;
  private final boolean perturbed;

  /**
   * @param perturbed whether the answers come from perturbed images, which must have made the
   *     chosen answer less probable
   */
  NegativeFilter(MiningOptions options, AnswerVerifier verifier, boolean perturbed) {
    this.options = options;
    this.verifier = verifier;
    this.perturbed = perturbed;
  }

  /** The first reason against the answer, or {@code null} when it is usable. */
  @Nullable DropReason reason(Sample sample, @Nullable GeneratedAnswer answer, double delta) {
    if (answer == null) {
      return DropReason.NO_ANSWER;
    }
    List<String> rejected = Verifiers.words(answer.text());
    List<String> chosen = Verifiers.words(sample.answer());
    if (rejected.isEmpty()) {
      return DropReason.EMPTY;
    }
    if (options.requireFinished() && !answer.finished()) {
      return DropReason.UNFINISHED;
    }
    if (verifier.correct(sample, answer.text())) {
      return DropReason.MATCHES_CHOSEN;
    }
    if (perturbed && !(delta <= -options.minimumDrop())) {
      return DropReason.LOG_PROB_NOT_REDUCED;
    }
    if (similarity(chosen, rejected) > options.maximumEditSimilarity()) {
      return DropReason.TOO_SIMILAR;
    }
    double longer = Math.max(chosen.size(), rejected.size());
    if (longer / Math.min(chosen.size(), rejected.size()) > options.maximumLengthRatio()) {
      return DropReason.LENGTH_RATIO;
    }
    if (rejected.size() >= REPETITION_FROM_WORDS
        && repetition(rejected) > options.maximumRepetition()) {
      return DropReason.REPETITIVE;
    }
    return null;
  }

  /** 1 − word edit distance (Levenshtein) / longer length. */
  static double similarity(List<String> a, List<String> b) {
    int[] row = new int[b.size() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.size(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int substituted = diagonal + (a.get(i - 1).equals(b.get(j - 1)) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    int longer = Math.max(a.size(), b.size());
    return longer == 0 ? 1 : 1 - (double) row[b.size()] / longer;
  }

  /** Share of the most frequent word. */
  static double repetition(List<String> words) {
    Map<String, Integer> counts = new HashMap<>();
    int most = 0;
    for (String word : words) {
      most = Math.max(most, counts.merge(word, 1, Integer::sum));
    }
    return (double) most / words.size();
  }
}
