package org.equipoise.mbpo.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one optimiser step measured.
 *
 * @param step from 0
 * @param totalSteps of the whole run
 * @param values by name, in a fixed order: {@code loss}, {@code gradient_norm}, {@code
 *     learning_rate} and the trainer's own
 * @param alarms signs of collapse found at this step, as sentences
 */
public record StepMetrics(
    int step, int totalSteps, Map<String, Double> values, List<String> alarms) {

  public StepMetrics {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    alarms = List.copyOf(alarms);
  }

  /** One value by name; NaN where this trainer does not measure it. */
  public double value(String name) {
    return values.getOrDefault(name, Double.NaN);
  }
}
