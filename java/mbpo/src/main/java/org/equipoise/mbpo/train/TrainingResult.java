package org.equipoise.mbpo.train;

import java.util.List;

/**
 * @param steps optimiser steps done, those before a resumption included
 * @param cancelled whether the run stopped early
 * @param history metrics of every step, those before a resumption included (their alarms are not
 *     kept)
 * @param alarms distinct signs of collapse, each with the first step it was seen
 * @param seconds wall time of this call
 */
public record TrainingResult(
    int steps, boolean cancelled, List<StepMetrics> history, List<String> alarms, double seconds) {

  public TrainingResult {
    history = List.copyOf(history);
    alarms = List.copyOf(alarms);
  }
}
