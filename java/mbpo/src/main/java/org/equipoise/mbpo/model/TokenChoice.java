package org.equipoise.mbpo.model;

import java.util.Arrays;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/** From next-token logits to a token. */
public final class TokenChoice {
  private TokenChoice() {}

  /**
   * What stands before a token that is to be chosen.
   *
   * @param prompt its tokens, with as many for an image as it has
   * @param answer tokens of the answer, of which the first {@code length} are chosen
   * @param length how many
   */
  public record Place(int[] prompt, int[] answer, int length) {
    int[] tokens() {
      int[] tokens = Arrays.copyOf(prompt, prompt.length + length);
      System.arraycopy(answer, 0, tokens, prompt.length, length);
      return tokens;
    }

    boolean last(GenerationOptions options) {
      return length + 1 == options.maxNewTokens();
    }
  }

  /**
   * The chosen token of one row.
   *
   * @param logits of several rows, one after the other
   * @param blind logits given the blind image, for contrast; otherwise {@code null}
   * @param offset where the row begins
   * @param vocabulary its length
   * @param uniform in [0, 1), what sampling depends on
   * @param place what stands before the token, for rules
   */
  public static int choose(
      float[] logits,
      float @Nullable [] blind,
      int offset,
      int vocabulary,
      GenerationOptions options,
      double uniform,
      Place place) {
    double[] adjusted = contrasted(logits, blind, offset, vocabulary, options);
    if (!options.rules().isEmpty()) {
      options.rules().apply(adjusted, place, place.last(options));
    }
    requireChoice(adjusted, options.rules());
    return options.temperature() == 0 ? greedy(adjusted) : sample(adjusted, options, uniform);
  }

  private static void requireChoice(double[] logits, LogitRules rules) {
    double best = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      best = Math.max(best, logit);
    }
    if (best == Double.NEGATIVE_INFINITY && !rules.isEmpty()) {
      throw new IllegalStateException(
          "the checkpoint's rules leave no token to choose: "
              + Excerpt.of(rules.toString())
              + "; --set model.generationRules=false switches them off");
    }
    requireNumber(best);
  }

  /**
   * Refuses to answer with a token that was not chosen.
   *
   * @param best the highest logit; NaN where one of them is
   */
  public static void requireNumber(double best) {
    if (!Double.isFinite(best)) {
      throw new IllegalStateException(
          "the model's logits of the next token are no numbers (the highest is "
              + best
              + "): its weights are damaged, or numbers overflow; where they are computed in 16"
              + " bits, try --set model.type=FLOAT32");
    }
  }

  /**
   * Logits of one row as they are, or with blind contrast (1+α)·logits − α·blind, where tokens
   * whose probability given the image is below the plausibility share of the best are −∞.
   */
  static double[] contrasted(
      float[] logits,
      float @Nullable [] blind,
      int offset,
      int vocabulary,
      GenerationOptions options) {
    double[] adjusted = new double[vocabulary];
    double best = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < vocabulary; v++) {
      adjusted[v] = logits[offset + v];
      best = Math.max(best, adjusted[v]);
    }
    if (blind == null) {
      return adjusted;
    }
    double alpha = options.contrastAlpha();
    double lowest = best + Math.log(options.contrastPlausibility());
    for (int v = 0; v < vocabulary; v++) {
      adjusted[v] =
          adjusted[v] < lowest
              ? Double.NEGATIVE_INFINITY
              : (1 + alpha) * adjusted[v] - alpha * blind[offset + v];
    }
    return adjusted;
  }

  /** The highest logit; ties go to the lowest id. */
  static int greedy(double[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      if (logits[v] > logits[best]) {
        best = v;
      }
    }
    return best;
  }

  /**
   * Inverse-transform sample, in the order of ids, of softmax(logits / temperature) among the
   * {@code topK} best tokens and, of these, the fewest best whose probabilities add up to {@code
   * topP}. Tokens that tie with the last one taken are taken too.
   */
  static int sample(double[] logits, GenerationOptions options, double uniform) {
    double best = logits[greedy(logits)];
    double lowest = lowestLogit(logits, best, options);
    double[] cumulative = new double[logits.length];
    double sum = 0;
    for (int v = 0; v < logits.length; v++) {
      if (logits[v] >= lowest) {
        sum += Math.exp((logits[v] - best) / options.temperature());
      }
      cumulative[v] = sum;
    }
    for (int v = 0; v < logits.length; v++) {
      if (uniform * sum < cumulative[v]) {
        return v;
      }
    }
    return greedy(logits);
  }

  /** The logit from which on tokens are among those to sample from. */
  private static double lowestLogit(double[] logits, double best, GenerationOptions options) {
    int count = options.topK() == 0 ? logits.length : Math.min(options.topK(), logits.length);
    if (count == logits.length && options.topP() == 1) {
      return Double.NEGATIVE_INFINITY;
    }
    double[] ascending = logits.clone();
    Arrays.sort(ascending);
    int from = logits.length - count;
    if (options.topP() == 1) {
      return ascending[from];
    }
    double total = 0;
    for (int i = from; i < ascending.length; i++) {
      total += Math.exp((ascending[i] - best) / options.temperature());
    }
    double taken = 0;
    int last = ascending.length;
    while (last > from && (last == ascending.length || taken < options.topP() * total)) {
      last--;
      taken += Math.exp((ascending[last] - best) / options.temperature());
    }
    return ascending[last];
  }
}
