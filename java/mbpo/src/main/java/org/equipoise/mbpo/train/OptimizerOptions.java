package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * AdamW (arXiv 1711.05101) with warm-up, decay and gradient clipping. Weight decay applies to
 * tensors of two or more dimensions only. Immutable.
 *
 * @param learningRate peak; above 0
 * @param beta1 decay of the first moment, in [0, 1); 0.9 by default
 * @param beta2 decay of the second moment, in [0, 1); 0.98 by default
 * @param epsilon added to the root of the second moment, above 0; 1e-8 by default
 * @param weightDecay decoupled, times the learning rate, at least 0; 0 by default
 * @param gradientClip largest global L2 norm of the gradient, at least 0; 0 is off; 1 by default
 * @param warmUpSteps optimiser steps of linear warm-up, at least 0; 10 by default
 * @param schedule what follows the warm-up; cosine by default
 * @param finalFraction share of the peak that the last step approaches, in [0, 1]; 0 by default
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
    OptionChecks.finite("learningRate", learningRate);
    OptionChecks.require(learningRate > 0, "learningRate must be positive", learningRate);
    OptionChecks.require(beta1 >= 0 && beta1 < 1, "beta1 must be in [0, 1)", beta1);
    OptionChecks.require(beta2 >= 0 && beta2 < 1, "beta2 must be in [0, 1)", beta2);
    OptionChecks.finite("epsilon", epsilon);
    OptionChecks.require(epsilon > 0, "epsilon must be positive", epsilon);
    OptionChecks.finite("weightDecay", weightDecay);
    OptionChecks.require(weightDecay >= 0, "weightDecay must not be negative", weightDecay);
    OptionChecks.finite("gradientClip", gradientClip);
    OptionChecks.require(gradientClip >= 0, "gradientClip must not be negative", gradientClip);
    OptionChecks.require(warmUpSteps >= 0, "warmUpSteps must not be negative", warmUpSteps);
    OptionChecks.require(
        finalFraction >= 0 && finalFraction <= 1, "finalFraction must be in [0, 1]", finalFraction);
  }

  /** This learning rate, every other component at its default. */
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
