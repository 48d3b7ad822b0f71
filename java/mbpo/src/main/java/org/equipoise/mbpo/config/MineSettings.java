package org.equipoise.mbpo.config;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.AnswerFile;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

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
    String answers,
    int preview,
    MiningOptions options) {

  /** How images are perturbed. */
  public enum Source {
    ADVERSARIAL,
    BLANK,
    SWAPPED,
    GAUSSIAN,
    DIFFUSION,
    IMPORTED
  }

  public MineSettings {
    require(keepShare > 0 && keepShare <= 1, "keepShare must be in (0, 1]", keepShare);
    require(
        epsilonIn255ths > 0 && epsilonIn255ths <= 255,
        "epsilonIn255ths must be in (0, 255]",
        epsilonIn255ths);
    require(
        stepIn255ths > 0 && Double.isFinite(stepIn255ths),
        "stepIn255ths must be positive and finite",
        stepIn255ths);
    require(steps >= 1, "steps must be at least 1", steps);
    require(sigma > 0 && Double.isFinite(sigma), "sigma must be positive and finite", sigma);
    require(
        diffusionStep >= 0 && diffusionStep < 1000,
        "diffusionStep must be from 0 to 999",
        diffusionStep);
    if (source == Source.IMPORTED && (answers == null || answers.isBlank())) {
      throw new IllegalArgumentException(
          "answers must name the file of imported answers when source is IMPORTED, found nothing");
    }
    requirePath(answers);
    require(preview >= 0, "preview must not be negative", preview);
  }

  private static void require(boolean condition, String message, Number found) {
    if (!condition) {
      throw new IllegalArgumentException(message + ", found " + found);
    }
  }

  /**
   * What perturbs the images.
   *
   * @param limits of a file of answers
   */
  public NegativeSource negatives(List<Sample> pool, DataLimits limits, long seed) {
    return switch (source) {
      case ADVERSARIAL ->
          NegativeSources.adversarial(epsilonIn255ths / 255, stepIn255ths / 255, steps, seed);
      case BLANK -> NegativeSources.blank();
      case SWAPPED -> NegativeSources.swapped(pool, seed);
      case GAUSSIAN -> NegativeSources.gaussian(sigma, seed);
      case DIFFUSION -> NegativeSources.diffusion(diffusionStep, seed);
      case IMPORTED -> imported(pool, limits);
    };
  }

  private static void requirePath(@Nullable String answers) {
    try {
      Path.of(answers == null ? "" : answers);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(
          "answers must name a file, found " + Excerpt.quoted(answers), e);
    }
  }

  private NegativeSource imported(List<Sample> pool, DataLimits limits) {
    Map<String, String> byId = AnswerFile.read(Path.of(answers), limits);
    if (pool.stream().noneMatch(sample -> byId.containsKey(sample.id()))) {
      throw new IllegalArgumentException(
          "mine.answers: none of the "
              + byId.size()
              + " answers in "
              + answers
              + " has the id of a sample; the first sample is "
              + Excerpt.of(pool.get(0).id()));
    }
    return NegativeSources.imported(byId);
  }
}
