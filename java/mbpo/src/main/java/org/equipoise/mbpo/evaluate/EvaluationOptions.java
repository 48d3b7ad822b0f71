package org.equipoise.mbpo.evaluate;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Objects;
import org.equipoise.mbpo.model.GenerationOptions;

/**
 * @param batchSize samples per forward pass, at least 1; 64 by default
 * @param generation how answers are generated, greedily by default; its contrast α also applies to
 *     log-odds and to the comparison of options
 * @param matching how words are found in answers; as whole words by default
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

  /** Every component at its default. */
  public static EvaluationOptions defaults() {
    return new EvaluationOptions(64, GenerationOptions.greedy(), AnswerMatching.WORDS);
  }
}
