package org.equipoise.mbpo.evaluate;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Objects;
import org.equipoise.mbpo.model.GenerationOptions;

/**
 * @param batchSize samples per forward pass
 * @param generation how answers are generated; its contrast α also applies to log-odds and to the
 *     comparison of options
 * @param matching how words are found in answers
 */
@RecordBuilder
public record EvaluationOptions(
    int batchSize, GenerationOptions generation, AnswerMatching matching)
    implements EvaluationOptionsBuilder.With {

  public EvaluationOptions {
    Objects.requireNonNull(generation, "generation");
    Objects.requireNonNull(matching, "matching");
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize must be at least 1, found " + batchSize);
    }
  }

  /** 64 samples a pass, greedy answers, whole words. */
  public static EvaluationOptions defaults() {
    return new EvaluationOptions(64, GenerationOptions.greedy(), AnswerMatching.WORDS);
  }
}
