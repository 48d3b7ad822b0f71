package org.equipoise.mbpo.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a checkpoint asks of the choice of each token beyond its logits, with the meanings that
 * transformers gives them and in the order in which they are added. Answers so chosen are not
 * samples of the policy. Immutable.
 */
public final class LogitRules {
  /** No rules. */
  public static final LogitRules NONE = new LogitRules(List.of());

  private final List<Rule> rules;

  private LogitRules(List<Rule> rules) {
    this.rules = rules;
  }

  /** One change of the logits of the next token. */
  private interface Change {
    /**
     * @param tokens prompt and answer so far
     * @param generated how many of them are the answer's
     * @param last whether the answer is cut after this token
     */
    void apply(double[] logits, int[] tokens, int generated, boolean last);
  }

  /** Two rules of one name and value are the same. */
  private record Rule(String name, Object value, Change change) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Rule rule && name.equals(rule.name) && value.equals(rule.value);
    }

    @Override
    public int hashCode() {
      return 31 * name.hashCode() + value.hashCode();
    }

    @Override
    public String toString() {
      return name + " " + value;
    }
  }

  private LogitRules and(boolean asked, String name, Object value, Change change) {
    if (!asked) {
      return this;
    }
    List<Rule> more = new ArrayList<>(rules);
    more.add(new Rule(name, value, change));
    return new LogitRules(List.copyOf(more));
  }

  /**
   * Positive logits of tokens that stand in the prompt or the answer are divided by it, negative
   * ones multiplied; 1 is off.
   */
  public LogitRules repetitionPenalty(double factor) {
    return and(
        factor != 1,
        "repetition_penalty",
        factor,
        (logits, tokens, generated, last) -> {
          boolean[] seen = new boolean[logits.length];
          for (int token : tokens) {
            if (token < logits.length && !seen[token]) {
              seen[token] = true;
              logits[token] = logits[token] < 0 ? logits[token] * factor : logits[token] / factor;
            }
          }
        });
  }

  /** No run of so many tokens comes twice; 0 is off. */
  public LogitRules noRepeat(int length) {
    return and(
        length > 0,
        "no_repeat_ngram_size",
        length,
        (logits, tokens, generated, last) -> {
          for (int end = length - 1; end < tokens.length; end++) {
            if (endsWith(tokens, tokens, end - length + 1, length - 1)) {
              forbid(logits, tokens[end]);
            }
          }
        });
  }

  /**
   * Sequences of tokens that must not be completed.
   *
   * @param ends tokens that end an answer, which are never forbidden by themselves
   */
  public LogitRules badWords(List<List<Integer>> words, Set<Integer> ends) {
    List<int[]> forbidden =
        words.stream()
            .filter(word -> word.size() > 1 || !ends.contains(word.get(0)))
            .map(word -> word.stream().mapToInt(Integer::intValue).toArray())
            .toList();
    return and(
        !words.isEmpty(),
        "bad_words_ids",
        words,
        (logits, tokens, generated, last) -> {
          for (int[] word : forbidden) {
            if (endsWith(tokens, word, 0, word.length - 1)) {
              forbid(logits, word[word.length - 1]);
            }
          }
        });
  }

  /** None of the tokens that end an answer before prompt and answer have so many; 0 is off. */
  public LogitRules minLength(int length, Set<Integer> ends) {
    return and(
        length > 0,
        "min_length",
        length,
        (logits, tokens, generated, last) -> {
          if (tokens.length < length) {
            ends.forEach(token -> forbid(logits, token));
          }
        });
  }

  /** None of the tokens that end an answer before it has so many; 0 is off. */
  public LogitRules minNewTokens(int length, Set<Integer> ends) {
    return and(
        length > 0,
        "min_new_tokens",
        length,
        (logits, tokens, generated, last) -> {
          if (generated < length) {
            ends.forEach(token -> forbid(logits, token));
          }
        });
  }

  /** One of these comes last where the answer would be cut. */
  public LogitRules forcedEnd(List<Integer> ends) {
    return and(
        !ends.isEmpty(),
        "forced_eos_token_id",
        ends,
        (logits, tokens, generated, last) -> {
          for (int v = 0; last && v < logits.length; v++) {
            logits[v] = ends.contains(v) ? 0 : Double.NEGATIVE_INFINITY;
          }
        });
  }

  /** Tokens that never come. */
  public LogitRules suppressed(List<Integer> never) {
    return and(
        !never.isEmpty(),
        "suppress_tokens",
        never,
        (logits, tokens, generated, last) -> never.forEach(token -> forbid(logits, token)));
  }

  /** Tokens that do not come first. */
  public LogitRules suppressedAtFirst(List<Integer> notFirst) {
    return and(
        !notFirst.isEmpty(),
        "begin_suppress_tokens",
        notFirst,
        (logits, tokens, generated, last) -> {
          if (generated == 0) {
            notFirst.forEach(token -> forbid(logits, token));
          }
        });
  }

  /** Whether nothing is asked. */
  public boolean isEmpty() {
    return rules.isEmpty();
  }

  /** Changes the logits, one per token id, of the token that comes next. */
  void apply(double[] logits, TokenChoice.Place place, boolean last) {
    int[] tokens = place.tokens();
    rules.forEach(rule -> rule.change().apply(logits, tokens, place.length(), last));
  }

  /** Whether tokens end with those of a sequence from a place on. */
  private static boolean endsWith(int[] tokens, int[] sequence, int from, int length) {
    int start = tokens.length - length;
    if (start < 0) {
      return false;
    }
    for (int k = 0; k < length; k++) {
      if (tokens[start + k] != sequence[from + k]) {
        return false;
      }
    }
    return true;
  }

  private static void forbid(double[] logits, int token) {
    if (token < logits.length) {
      logits[token] = Double.NEGATIVE_INFINITY;
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LogitRules own && rules.equals(own.rules);
  }

  @Override
  public int hashCode() {
    return rules.hashCode();
  }

  /** As {@code generation_config.json} calls them, for example "repetition_penalty 1.05". */
  @Override
  public String toString() {
    return isEmpty()
        ? "none"
        : rules.stream().map(Rule::toString).collect(Collectors.joining(", "));
  }
}
