package org.equipoise.mbpo.train;

import java.util.Map;

/**
 * What a {@link TrainingLoop} trains: data and loss of each iteration. Everything it does must be a
 * pure function of the weights and of the iteration's number, so that a resumed run equals an
 * uninterrupted one. Memory it allocates belongs to the loop's PointerScope unless it says
 * otherwise.
 */
public interface TrainingTask {
  /** Short name, for example {@code "sft"}. */
  String name();

  /** Draws of data in the whole run. */
  int iterations();

  /** Optimiser steps on each draw. */
  default int updatesPerIteration() {
    return 1;
  }

  /**
   * Text that differs when options or data differ; a checkpoint of another fingerprint is refused.
   */
  String fingerprint();

  /** Draws the data of an iteration. */
  void begin(int iteration);

  /**
   * Adds d(loss) to the gradients of the model's parameters.
   *
   * @return metrics by name, the same names at every step, {@code "loss"} among them
   */
  Map<String, Double> computeGradients(int update);
}
