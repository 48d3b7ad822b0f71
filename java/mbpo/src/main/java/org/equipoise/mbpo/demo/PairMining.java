package org.equipoise.mbpo.demo;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.mine.NegativeSources;

/**
 * A stage that mines preference pairs from the pool.
 *
 * @param id the stage's
 * @param title for progress and tables
 * @param source how images are perturbed
 * @param epsilon radius of an adversarial ball in units of [0, 1]
 * @param byGain whether the share of the pool that is kept has the highest image information gain;
 *     otherwise it is drawn at random
 * @param pool what the pool is made of
 * @param biasedAnnotator whether some chosen answers are the prior's mistakes
 */
@RecordBuilder
record PairMining(
    String id,
    String title,
    Source source,
    double epsilon,
    boolean byGain,
    Pool pool,
    boolean biasedAnnotator)
    implements PairMiningBuilder.With {

  private static final int DIFFUSION_STEP = 500;

  /** How images are perturbed. */
  enum Source {
    ADVERSARIAL,
    DIFFUSION,
    BLANK,
    SWAPPED
  }

  /** Where samples come from. */
  enum Pool {
    /** Complementary scenes made by the composer. */
    TWINS,
    /** Scenes by themselves. */
    SINGLES,
    /** The same scenes; twins are the nearest ones with the same question and another answer. */
    NEAREST
  }

  /** The paper's way, with our twins: adversarial, by gain. */
  static PairMining adversarial(String id, String title, double epsilon) {
    return new PairMining(id, title, Source.ADVERSARIAL, epsilon, true, Pool.TWINS, false);
  }

  /** Seconds at full scale: gradients cost most. */
  double seconds() {
    return source == Source.ADVERSARIAL ? 67 : 23;
  }

  NegativeSource negatives(DemoConfig config, List<Sample> samples) {
    int steps = config.mining().steps();
    return switch (source) {
      case ADVERSARIAL ->
          NegativeSources.adversarial(epsilon, 2.5 * epsilon / steps, steps, config.seed());
      case DIFFUSION -> NegativeSources.diffusion(DIFFUSION_STEP, config.seed());
      case BLANK -> NegativeSources.blank();
      case SWAPPED -> NegativeSources.swapped(samples, config.seed());
    };
  }
}
