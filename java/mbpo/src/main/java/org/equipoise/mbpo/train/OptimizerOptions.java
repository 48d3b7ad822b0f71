package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * AdamW (arXiv 1711.05101) with warm-up, decay and gradient clipping. Weight decay applies to
 * tensors of two or more dimensions only. Immutable.
 *
 * @param learningRate peak
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled
 * @param gradientClip largest global L2 norm of the gradient; 0 is off
 * @param warmUpSteps optimiser steps of linear warm-up
 * @param schedule what follows the warm-up
 * @param finalFraction share of the peak that the last step approaches
 */
@RecordBuilder
public record OptimizerOptions(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double gradientClip,
    int warmUpSteps,
    Schedule schedule,
    double finalFraction)
    implements OptimizerOptionsBuilder.With {

  public OptimizerOptions {
    Options.finite("learningRate", learningRate);
    Options.require(learningRate > 0, "learningRate must be positive", learningRate);
    Options.require(beta1 >= 0 && beta1 < 1, "beta1 must be in [0, 1)", beta1);
    Options.require(beta2 >= 0 && beta2 < 1, "beta2 must be in [0, 1)", beta2);
    Options.finite("epsilon", epsilon);
    Options.require(epsilon > 0, "epsilon must be positive", epsilon);
    Options.finite("weightDecay", weightDecay);
    Options.require(weightDecay >= 0, "weightDecay must not be negative", weightDecay);
    Options.finite("gradientClip", gradientClip);
    Options.require(gradientClip >= 0, "gradientClip must not be negative", gradientClip);
    Options.require(warmUpSteps >= 0, "warmUpSteps must not be negative", warmUpSteps);
    Options.require(
        finalFraction >= 0 && finalFraction <= 1, "finalFraction must be in [0, 1]", finalFraction);
  }

  /** β 0.9/0.98, ε 1e-8, no weight decay, clip 1, 10 warm-up steps, cosine to 0. */
  public static OptimizerOptions adamW(double learningRate) {
    return new OptimizerOptions(learningRate, 0.9, 0.98, 1e-8, 0, 1, 10, Schedule.COSINE, 0);
  }

  /** Learning rate of optimiser step {@code step} (from 0) of {@code totalSteps}. */
  public double rate(int step, int totalSteps) {
    if (step < warmUpSteps) {
      return learningRate * (step + 1) / warmUpSteps;
    }
    double progress = (double) (step - warmUpSteps) / Math.max(1, totalSteps - warmUpSteps);
    double share =
        switch (schedule) {
          case CONSTANT -> 1;
          case LINEAR -> 1 - (1 - finalFraction) * progress;
          case COSINE ->
              finalFraction + (1 - finalFraction) * 0.5 * (1 + StrictMath.cos(Math.PI * progress));
        };
    return learningRate * share;
  }
}
