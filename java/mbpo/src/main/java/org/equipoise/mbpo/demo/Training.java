package org.equipoise.mbpo.demo;

import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.SftOptions;

/**
 * A stage that trains a copy of the start model.
 *
 * @param id the stage's
 * @param title for progress and tables
 * @param mining id of the stage whose pairs it learns from
 * @param recipe how
 */
record Training(String id, String title, String mining, Recipe recipe) {

  /** A trainer with its options. */
  sealed interface Recipe permits Hybrid, GoldFineTuning, Dpo {
    /** Seconds at full scale. */
    double seconds();
  }

  /**
   * MBPO.
   *
   * @param formatReward whether well-formed wrong answers are worth something
   */
  record Hybrid(HybridGrpoOptions options, boolean formatReward) implements Recipe {
    @Override
    public double seconds() {
      return options.online().promptsPerIteration() > 0 ? 106 : 65;
    }
  }

  /** Fine-tuning on the chosen answers. */
  record GoldFineTuning(SftOptions options) implements Recipe {
    @Override
    public double seconds() {
      return 104;
    }
  }

  /** Direct preference optimisation on the pairs. */
  record Dpo(DpoOptions options) implements Recipe {
    @Override
    public double seconds() {
      return 60;
    }
  }
}
