package org.equipoise.mbpo.demo.model;

import org.equipoise.mbpo.model.GenerationOptions;

/** From next-token logits to a token. */
final class TokenChoice {
  private TokenChoice() {}

  /**
   * Scores of one row: the logits, or with blind contrast (1+α)·logits − α·blind, where tokens
   * whose probability given the image is below the plausibility share of the best are −∞.
   */
  static double[] scores(
      float[] logits, float[] blind, int offset, int vocabulary, GenerationOptions options) {
    double[] scores = new double[vocabulary];
    double best = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < vocabulary; v++) {
      scores[v] = logits[offset + v];
      best = Math.max(best, scores[v]);
    }
    if (blind == null) {
      return scores;
    }
    double alpha = options.contrastAlpha();
    double lowest = best + Math.log(options.contrastPlausibility());
    for (int v = 0; v < vocabulary; v++) {
      scores[v] =
          scores[v] < lowest
              ? Double.NEGATIVE_INFINITY
              : (1 + alpha) * scores[v] - alpha * blind[offset + v];
    }
    return scores;
  }

  /** The highest score; ties go to the lowest id. */
  static int greedy(double[] scores) {
    int best = 0;
    for (int v = 1; v < scores.length; v++) {
      if (scores[v] > scores[best]) {
        best = v;
      }
    }
    return best;
  }

  /** Inverse-transform sample of softmax(scores / temperature) at u in [0, 1). */
  static int sample(double[] scores, double temperature, double u) {
    double best = scores[greedy(scores)];
    double[] cumulative = new double[scores.length];
    double sum = 0;
    for (int v = 0; v < scores.length; v++) {
      sum += Math.exp((scores[v] - best) / temperature);
      cumulative[v] = sum;
    }
    for (int v = 0; v < scores.length; v++) {
      if (u * sum < cumulative[v]) {
        return v;
      }
    }
    return greedy(scores);
  }
}
