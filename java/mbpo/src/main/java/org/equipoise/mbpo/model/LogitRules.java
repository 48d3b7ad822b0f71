package org.equipoise.mbpo.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a checkpoint asks of the choice of each token beyond its logits, with the meanings (and the
 * order) that transformers gives them: a penalty for tokens that stand in the prompt or the answer
 * already, runs of tokens that must not come twice, forbidden words, least lengths, suppressed
 * tokens. Answers so chosen are not samples of the policy. Immutable.
 */
public final class LogitRules {
  /** No rules. */
  public static final LogitRules NONE = new LogitRules();

  private final double repetitionPenalty;
  private final int noRepeat;
  private final List<List<Integer>> badWords;
  private final int minLength;
  private final int minNewTokens;
  private final List<Integer> forcedEnd;
  private final List<Integer> suppressed;
  private final List<Integer> suppressedAtFirst;
  private final Set<Integer> endTokens;

  private LogitRules() {
    this(1, 0, List.of(), 0, 0, List.of(), List.of(), List.of(), Set.of());
  }

  private LogitRules(
      double repetitionPenalty,
      int noRepeat,
      List<List<Integer>> badWords,
      int minLength,
      int minNewTokens,
      List<Integer> forcedEnd,
      List<Integer> suppressed,
      List<Integer> suppressedAtFirst,
      Set<Integer> endTokens) {
    this.repetitionPenalty = repetitionPenalty;
    this.noRepeat = noRepeat;
    this.badWords = badWords;
    this.minLength = minLength;
    this.minNewTokens = minNewTokens;
    this.forcedEnd = forcedEnd;
    this.suppressed = suppressed;
    this.suppressedAtFirst = suppressedAtFirst;
    this.endTokens = endTokens;
  }

  /** Positive scores of tokens that were there are divided by it, negative ones multiplied. */
  public LogitRules repetitionPenalty(double factor) {
    return new LogitRules(
        factor,
        noRepeat,
        badWords,
        minLength,
        minNewTokens,
        forcedEnd,
        suppressed,
        suppressedAtFirst,
        endTokens);
  }

  /** No run of so many tokens comes twice; 0 is off. */
  public LogitRules noRepeat(int tokens) {
    return new LogitRules(
        repetitionPenalty,
        tokens,
        badWords,
        minLength,
        minNewTokens,
        forcedEnd,
        suppressed,
        suppressedAtFirst,
        endTokens);
  }

  /** Sequences of tokens that must not be completed. */
  public LogitRules badWords(List<List<Integer>> words) {
    return new LogitRules(
        repetitionPenalty,
        noRepeat,
        words,
        minLength,
        minNewTokens,
        forcedEnd,
        suppressed,
        suppressedAtFirst,
        endTokens);
  }

  /**
   * No end token before these lengths.
   *
   * @param all tokens of prompt and answer
   * @param generated tokens of the answer
   */
  public LogitRules least(int all, int generated) {
    return new LogitRules(
        repetitionPenalty,
        noRepeat,
        badWords,
        all,
        generated,
        forcedEnd,
        suppressed,
        suppressedAtFirst,
        endTokens);
  }

  /** One of these comes last where the answer would be cut. */
  public LogitRules forcedEnd(List<Integer> tokens) {
    return new LogitRules(
        repetitionPenalty,
        noRepeat,
        badWords,
        minLength,
        minNewTokens,
        tokens,
        suppressed,
        suppressedAtFirst,
        endTokens);
  }

  /**
   * @param always tokens that never come
   * @param atFirst tokens that do not come first
   */
  public LogitRules suppressed(List<Integer> always, List<Integer> atFirst) {
    return new LogitRules(
        repetitionPenalty,
        noRepeat,
        badWords,
        minLength,
        minNewTokens,
        forcedEnd,
        always,
        atFirst,
        endTokens);
  }

  /** What ends an answer. */
  public LogitRules endTokens(Set<Integer> tokens) {
    return new LogitRules(
        repetitionPenalty,
        noRepeat,
        badWords,
        minLength,
        minNewTokens,
        forcedEnd,
        suppressed,
        suppressedAtFirst,
        tokens);
  }

  /** Whether nothing is asked. */
  public boolean isEmpty() {
    return named().isEmpty();
  }

  /**
   * Changes the scores of the next token.
   *
   * @param scores one per token id
   * @param tokens prompt and answer so far
   * @param promptLength how many of them are the prompt's
   * @param last whether the answer is cut after this token
   */
  void apply(double[] scores, int[] tokens, int promptLength, boolean last) {
    if (repetitionPenalty != 1) {
      penalise(scores, tokens);
    }
    if (noRepeat > 0) {
      forbidRepeats(scores, tokens);
    }
    for (List<Integer> word : badWords) {
      boolean end = word.size() == 1 && endTokens.contains(word.get(0));
      if (!end && endsWithStartOf(tokens, word)) {
        forbid(scores, word.get(word.size() - 1));
      }
    }
    if (tokens.length < minLength || tokens.length - promptLength < minNewTokens) {
      endTokens.forEach(token -> forbid(scores, token));
    }
    if (last && !forcedEnd.isEmpty()) {
      for (int v = 0; v < scores.length; v++) {
        scores[v] = forcedEnd.contains(v) ? 0 : Double.NEGATIVE_INFINITY;
      }
    }
    suppressed.forEach(token -> forbid(scores, token));
    if (tokens.length == promptLength) {
      suppressedAtFirst.forEach(token -> forbid(scores, token));
    }
  }

  private void penalise(double[] scores, int[] tokens) {
    boolean[] seen = new boolean[scores.length];
    for (int token : tokens) {
      if (token < scores.length && !seen[token]) {
        seen[token] = true;
        scores[token] *= scores[token] < 0 ? repetitionPenalty : 1 / repetitionPenalty;
      }
    }
  }

  private void forbidRepeats(double[] scores, int[] tokens) {
    int start = tokens.length - noRepeat + 1;
    for (int i = 0; i + noRepeat <= tokens.length; i++) {
      boolean equal = true;
      for (int k = 0; k < noRepeat - 1 && equal; k++) {
        equal = tokens[i + k] == tokens[start + k];
      }
      if (equal) {
        forbid(scores, tokens[i + noRepeat - 1]);
      }
    }
  }

  private static boolean endsWithStartOf(int[] tokens, List<Integer> word) {
    int start = tokens.length - word.size() + 1;
    if (start < 0) {
      return false;
    }
    for (int k = 0; k < word.size() - 1; k++) {
      if (tokens[start + k] != word.get(k)) {
        return false;
      }
    }
    return true;
  }

  private static void forbid(double[] scores, int token) {
    if (token < scores.length) {
      scores[token] = Double.NEGATIVE_INFINITY;
    }
  }

  private Map<String, Object> named() {
    Map<String, Object> named = new LinkedHashMap<>();
    put(named, "repetition_penalty", repetitionPenalty, 1.0);
    put(named, "no_repeat_ngram_size", noRepeat, 0);
    put(named, "bad_words_ids", badWords, List.of());
    put(named, "min_length", minLength, 0);
    put(named, "min_new_tokens", minNewTokens, 0);
    put(named, "forced_eos_token_id", forcedEnd, List.of());
    put(named, "suppress_tokens", suppressed, List.of());
    put(named, "begin_suppress_tokens", suppressedAtFirst, List.of());
    return named;
  }

  private static void put(Map<String, Object> named, String name, Object value, Object none) {
    if (!value.equals(none)) {
      named.put(name, value);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LogitRules rules
        && named().equals(rules.named())
        && endTokens.equals(rules.endTokens);
  }

  @Override
  public int hashCode() {
    return Objects.hash(named(), endTokens);
  }

  /** As {@code generation_config.json} calls them, for example "repetition_penalty 1.05". */
  @Override
  public String toString() {
    return isEmpty()
        ? "none"
        : named().entrySet().stream()
            .map(entry -> entry.getKey() + " " + entry.getValue())
            .collect(Collectors.joining(", "));
  }
}
