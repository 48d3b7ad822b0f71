package org.equipoise.mbpo.demo;

import org.equipoise.mbpo.demo.task.QuestionMix;
import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.OfflineOptions;
import org.equipoise.mbpo.train.OnlineOptions;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.PolicyOptions;
import org.equipoise.mbpo.train.Schedule;
import org.equipoise.mbpo.train.SftOptions;

/**
 * Every hyper-parameter of the demonstration. Immutable; the README beside it says which were tuned
 * and how.
 *
 * @param scale "full", "quick" or "tiny": names the column of sizes
 * @param seed key of data, initial weights, order and sampling
 * @param data sizes and mixtures of the data sets
 * @param alignment teaching the vision tower the objects' words before fine-tuning
 * @param start supervised fine-tuning on biased scenes, which makes the imbalanced start model
 * @param mining image information gain, attack and filters
 * @param hybrid MBPO
 * @param goldFineTuning baseline: fine-tuning on the same chosen answers, equally many sequences
 * @param dpo baseline: DPO on the same pairs, equally many sequences
 * @param dpoDiffusion the same on pairs whose negatives come from diffusion noise
 * @param dpoBlank the same on pairs whose negatives come from blank images
 * @param decoding blind-contrast decoding and evaluation
 */
public record DemoConfig(
    String scale,
    long seed,
    Data data,
    Alignment alignment,
    SftOptions start,
    Mining mining,
    HybridGrpoOptions hybrid,
    SftOptions goldFineTuning,
    DpoOptions dpo,
    DpoOptions dpoDiffusion,
    DpoOptions dpoBlank,
    Decoding decoding) {

  /** An answer has at most three objects and the end token; one more shows what runs on. */
  static final int MAX_NEW_TOKENS = 5;

  /**
   * @param alignmentScenes scenes for vision alignment
   * @param startSamples questions for the start model
   * @param startMix their kinds
   * @param biasedPartnerProbability how often an object's partner is there: the language prior
   * @param poolSamples preference pool, twins counted singly
   * @param poolMix its kinds
   * @param onlinePrompts closed questions for online groups
   * @param onlineMix their kinds
   * @param poolPartnerProbability how often the partner is there in pool and online prompts
   * @param annotatorMistakes share of chosen answers that the biased annotator gets wrong
   * @param developmentItems items per development split (thresholds)
   * @param testItems items per test split
   */
  public record Data(
      int alignmentScenes,
      int startSamples,
      QuestionMix startMix,
      double biasedPartnerProbability,
      int poolSamples,
      QuestionMix poolMix,
      int onlinePrompts,
      QuestionMix onlineMix,
      double poolPartnerProbability,
      double annotatorMistakes,
      int developmentItems,
      int testItems) {}

  /**
   * @param steps optimiser steps
   * @param batchSize scenes per step
   * @param learningRate peak; warm-up over 20 steps, then cosine to a tenth
   */
  public record Alignment(int steps, int batchSize, double learningRate) {}

  /**
   * @param keepShare of twins with the highest image information gain, per kind
   * @param epsilon radius of the L∞ ball in units of [0, 1]
   * @param steps gradient steps of size 2.5·ε/steps
   * @param batchSize samples attacked at a time
   */
  public record Mining(double keepShare, double epsilon, int steps, int batchSize) {}

  /**
   * @param startContrast α of blind-contrast decoding from the start model
   * @param hybridContrast α from the trained model
   * @param batchSize samples evaluated at a time
   * @param resamples of the bootstrap
   */
  public record Decoding(
      double startContrast, double hybridContrast, int batchSize, int resamples) {}

  /** The demonstration proper. */
  public static DemoConfig full(long seed) {
    return new Sizes("full", 4000, 500, 12000, 1300, 8000, 3000, 900, 500, 1000, 400).at(seed);
  }

  /** A look at the way through in two minutes; its numbers claim nothing. */
  public static DemoConfig quick(long seed) {
    return new Sizes("quick", 2000, 200, 3000, 500, 1200, 500, 90, 100, 200, 200).at(seed);
  }

  /** Seconds; for tests. */
  static DemoConfig tiny(long seed) {
    return new Sizes("tiny", 128, 16, 256, 104, 64, 32, 3, 16, 16, 100).at(seed);
  }

  /** What differs between scales. */
  private record Sizes(
      String scale,
      int alignmentScenes,
      int alignmentSteps,
      int startSamples,
      int startSteps,
      int poolSamples,
      int onlinePrompts,
      int iterations,
      int developmentItems,
      int testItems,
      int resamples) {

    DemoConfig at(long seed) {
      Data data =
          new Data(
              alignmentScenes,
              startSamples,
              new QuestionMix(0.15, 0.33, 0.3, 0.22),
              0.95,
              poolSamples,
              new QuestionMix(0.35, 0.2, 0.2, 0.25),
              onlinePrompts,
              new QuestionMix(0.45, 0.15, 0.4, 0),
              0.7,
              0.18,
              developmentItems,
              testItems);
      OptimizerOptions preference =
          OptimizerOptions.adamW(4e-3)
              .withWeightDecay(0.01)
              .withSchedule(Schedule.LINEAR)
              .withFinalFraction(0.02);
      // Of MBPO's sequences 84 are chosen answers, 28 rejected ones and up to 16 online ones.
      int sequences = 128;
      int chosen = 84;
      int rejected = 28;
      DpoOptions dpo =
          DpoOptions.defaults()
              .withSteps(iterations)
              .withBatchPairs(sequences / 2)
              .withBeta(0.3)
              .withSeed(seed);
      return new DemoConfig(
          scale,
          seed,
          data,
          new Alignment(alignmentSteps, 64, 2e-3),
          SftOptions.defaults()
              .withOptimizer(
                  OptimizerOptions.adamW(2e-3)
                      .withWeightDecay(0.01)
                      .withWarmUpSteps(20)
                      .withSchedule(Schedule.COSINE)
                      .withFinalFraction(0.02))
              .withSteps(startSteps)
              .withBatchSize(32)
              .withBlankImageShare(0.15)
              .withSeed(seed),
          new Mining(0.75, 16 / 255.0, 8, 128),
          HybridGrpoOptions.defaults()
              .withOptimizer(preference)
              .withIterations(iterations)
              .withUpdatesPerIteration(1)
              .withPolicy(
                  PolicyOptions.defaults()
                      .withEpsilonLow(0.3)
                      .withEpsilonHigh(0.3)
                      .withKlBeta(0.003)
                      .withNegativeLogProbFloor(-0.3))
              .withOffline(
                  OfflineOptions.defaults()
                      .withPairsPerIteration(chosen)
                      .withRejectedShare(rejected / (double) chosen)
                      .withRejectedKl(false))
              .withOnline(
                  OnlineOptions.defaults()
                      .withPromptsPerIteration(16)
                      .withGroupSize(8)
                      .withMaxGroups(2)
                      .withTemperature(1)
                      .withMaxNewTokens(MAX_NEW_TOKENS))
              .withSeed(seed),
          SftOptions.defaults()
              .withOptimizer(preference.withLearningRate(6e-3))
              .withSteps(iterations)
              .withBatchSize(sequences)
              .withSeed(seed),
          dpo.withOptimizer(preference.withLearningRate(2e-3)),
          dpo.withOptimizer(preference.withLearningRate(3e-4)),
          dpo.withOptimizer(preference.withLearningRate(3e-4)),
          new Decoding(2, 1, 250, resamples));
    }
  }
}
