package org.equipoise.mbpo.config;

import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.mine.NegativeSources;

/** The {@code mine} section; its keys are documented in the defaults. */
public record MineSettings(
    double keepShare,
    ImageInformationGain.Baseline baseline,
    Source source,
    double epsilonIn255ths,
    double stepIn255ths,
    int steps,
    double sigma,
    int diffusionStep,
    int preview,
    MiningOptions options) {

  /** How images are perturbed. */
  public enum Source {
    ADVERSARIAL,
    BLANK,
    SWAPPED,
    GAUSSIAN,
    DIFFUSION
  }

  public MineSettings {
    if (preview < 0) {
      throw new IllegalArgumentException("preview must not be negative, found " + preview);
    }
  }

  /** What perturbs the images. */
  public NegativeSource negatives(List<Sample> pool, long seed) {
    return switch (source) {
      case ADVERSARIAL ->
          NegativeSources.adversarial(epsilonIn255ths / 255, stepIn255ths / 255, steps, seed);
      case BLANK -> NegativeSources.blank();
      case SWAPPED -> NegativeSources.swapped(pool, seed);
      case GAUSSIAN -> NegativeSources.gaussian(sigma, seed);
      case DIFFUSION -> NegativeSources.diffusion(diffusionStep, seed);
    };
  }
}
