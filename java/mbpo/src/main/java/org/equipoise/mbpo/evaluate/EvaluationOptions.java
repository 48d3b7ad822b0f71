package org.equipoise.mbpo.evaluate;

import org.equipoise.mbpo.model.GenerationOptions;

/**
 * @param batchSize samples per forward pass
 * @param generation how answers are generated; its contrast α also applies to log-odds and option
 *     scores
 */
public record EvaluationOptions(int batchSize, GenerationOptions generation) {

  public EvaluationOptions {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize must be at least 1, found " + batchSize);
    }
  }

  /** 64 samples a pass, greedy answers. */
  public static EvaluationOptions defaults() {
    return new EvaluationOptions(64, GenerationOptions.greedy());
  }

  public EvaluationOptions batchSize(int samples) {
    return new EvaluationOptions(samples, generation);
  }

  public EvaluationOptions generation(GenerationOptions options) {
    return new EvaluationOptions(batchSize, options);
  }
}
