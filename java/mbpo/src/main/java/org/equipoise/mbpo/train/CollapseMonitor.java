package org.equipoise.mbpo.train;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Watches metrics for signs that training destroys the model. A loss or gradient that is not finite
 * stops the run; the rest is reported once per kind, from means over {@value #WINDOW} steps so that
 * a single odd batch does not cry wolf. The limits are ours: each is far outside what a healthy run
 * shows.
 */
final class CollapseMonitor {
  static final int WINDOW = 20;
  private static final double CHOSEN_FALL_NATS = 2;
  private static final double KL_LIMIT_NATS = 2;
  private static final double NO_VARIANCE_SHARE = 0.98;
  private static final double YES_BIAS = 0.4;
  private static final double LENGTH_FACTOR = 3;
  private static final double FEW_ONLINE = 0.01;

  private final Deque<Map<String, Double>> window = new ArrayDeque<>();
  private final Set<String> reported = new HashSet<>();
  private double chosenAtStart = Double.NaN;
  private double tokensAtStart = Double.NaN;

  /** Feeds the steps of an earlier, interrupted part of the run. */
  void restore(List<StepMetrics> history) {
    history.forEach(step -> observe(step.step(), step.values()));
  }

  /** The alarms that this step raises. */
  List<String> observe(int step, Map<String, Double> values) {
    requireFinite(step, values, "loss");
    requireFinite(step, values, "gradient_norm");
    window.addLast(values);
    if (window.size() > WINDOW) {
      window.removeFirst();
    }
    List<String> alarms = new ArrayList<>();
    if (window.size() < WINDOW) {
      return alarms;
    }
    double chosen = mean("chosen_log_prob");
    double tokens = mean("answer_tokens");
    if (Double.isNaN(chosenAtStart)) {
      chosenAtStart = chosen;
    }
    if (Double.isNaN(tokensAtStart)) {
      tokensAtStart = tokens;
    }
    if (chosen < chosenAtStart - CHOSEN_FALL_NATS) {
      raise(alarms, step, "chosen answers lose probability: mean log-prob per token", chosen);
    }
    if (mean("kl") > KL_LIMIT_NATS) {
      raise(alarms, step, "the policy has left its reference: KL per token", mean("kl"));
    }
    if (mean("zero_variance_share") > NO_VARIANCE_SHARE) {
      raise(
          alarms,
          step,
          "online groups hardly vary, so they teach nothing: share without variance",
          mean("zero_variance_share"));
    }
    if (tokens > LENGTH_FACTOR * tokensAtStart) {
      raise(alarms, step, "sampled answers grow longer and longer: mean tokens", tokens);
    }
    if (tokens < tokensAtStart / LENGTH_FACTOR) {
      raise(alarms, step, "sampled answers shrink: mean tokens", tokens);
    }
    double yes = meanOfKnown("yes_share");
    double bias = yes - meanOfKnown("gold_yes_share");
    if (bias > YES_BIAS) {
      raise(alarms, step, "far more is answered with yes than is right: share", yes);
    }
    if (bias < -YES_BIAS) {
      raise(alarms, step, "far more is answered with no than is right: share of yes", yes);
    }
    if (!Double.isNaN(tokens) && mean("online_share") < FEW_ONLINE) {
      raise(
          alarms,
          step,
          "hardly an online answer is trained on: share of the sequences",
          mean("online_share"));
    }
    if (mean("unfinished_share") > 0.5) {
      raise(
          alarms,
          step,
          "most sampled answers run into the length limit: share",
          mean("unfinished_share"));
    }
    return alarms;
  }

  private void raise(List<String> alarms, int step, String what, double value) {
    if (reported.add(what)) {
      alarms.add(String.format(java.util.Locale.ROOT, "step %d: %s %.3f", step, what, value));
    }
  }

  /** NaN where some step lacks the metric; comparisons with NaN raise nothing. */
  private double mean(String name) {
    double sum = 0;
    for (Map<String, Double> values : window) {
      sum += values.getOrDefault(name, Double.NaN);
    }
    return sum / window.size();
  }

  /** The mean over the steps that have the metric; NaN without any. */
  private double meanOfKnown(String name) {
    return window.stream()
        .mapToDouble(values -> values.getOrDefault(name, Double.NaN))
        .filter(value -> !Double.isNaN(value))
        .average()
        .orElse(Double.NaN);
  }

  private static void requireFinite(int step, Map<String, Double> values, String name) {
    Double value = values.get(name);
    if (value == null) {
      throw new IllegalStateException(
          "TrainingTask.computeGradients: expected " + name + " among its metrics, found none");
    }
    if (!Double.isFinite(value)) {
      throw new IllegalStateException(
          "training diverged: "
              + name
              + " is "
              + value
              + " at step "
              + step
              + (step == 0
                  ? ", before anything was learnt: the model's weights are damaged, or numbers"
                      + " overflow; where they are computed in 16 bits, try --set"
                      + " model.type=FLOAT32"
                  : "; lower the learning rate or clip gradients"));
    }
  }
}
