package org.equipoise.mbpo.run;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * How far a run is and how long it will still take. Not thread-safe.
 *
 * <p>Pace = seconds spent / weight done, over everything done in this run (1 before that: weights
 * are seconds of some machine). A running stage goes on at its own speed once that is known, other
 * stages take weight · pace; the waiting ones are placed on the workers in order, as the runner
 * does.
 */
final class RunEstimate {
  /** A stage's own speed counts from here on: a shorter time is mostly start-up. */
  private static final double OWN_SPEED_AFTER_SECONDS = 2;

  private final List<Stage> stages;
  private final int workers;
  private final LongSupplier nanoTime;
  private final Map<String, Running> running = new HashMap<>();
  private final Set<String> ended = new HashSet<>();
  private double secondsSpent;
  private double weightDone;

  RunEstimate(List<Stage> stages, int workers, LongSupplier nanoTime) {
    this.stages = List.copyOf(stages);
    this.workers = workers;
    this.nanoTime = nanoTime;
  }

  void skipped(Stage stage) {
    ended.add(stage.id());
  }

  void started(Stage stage) {
    running.put(stage.id(), new Running(stage, nanoTime.getAsLong()));
  }

  void progressed(Stage stage, double fraction) {
    Running state = running.get(stage.id());
    if (state.first < 0) {
      // A resumed stage begins with what it finds done, which says nothing about its speed.
      state.first = fraction;
    }
    state.fraction = fraction;
  }

  void finished(Stage stage) {
    Running state = running.remove(stage.id());
    secondsSpent += seconds(state);
    weightDone += stage.weight() * (1 - Math.max(0, state.first));
    ended.add(stage.id());
  }

  /** Share of the whole weight that is done. */
  double fraction() {
    double total = 0;
    double done = 0;
    for (Stage stage : stages) {
      total += stage.weight();
      Running state = running.get(stage.id());
      double fraction = ended.contains(stage.id()) ? 1 : state == null ? 0 : state.fraction;
      done += stage.weight() * fraction;
    }
    return total == 0 ? 1 : done / total;
  }

  /** Expected seconds until the last stage ends. */
  double remainingSeconds() {
    double pace = pace();
    Map<String, Double> end = new HashMap<>();
    ended.forEach(id -> end.put(id, 0.0));
    List<Double> free = new ArrayList<>();
    for (Running state : running.values()) {
      double left = remaining(state, pace);
      end.put(state.stage.id(), left);
      free.add(left);
    }
    while (free.size() < workers) {
      free.add(0.0);
    }
    for (Stage stage : stages) {
      if (!end.containsKey(stage.id())) {
        int worker = free.indexOf(free.stream().min(Double::compare).orElseThrow());
        double start = free.get(worker);
        for (String input : stage.inputs()) {
          start = Math.max(start, end.get(input));
        }
        double stop = start + stage.weight() * pace;
        free.set(worker, stop);
        end.put(stage.id(), stop);
      }
    }
    return end.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
  }

  private double pace() {
    double seconds = secondsSpent;
    double weight = weightDone;
    for (Running state : running.values()) {
      seconds += seconds(state);
      weight += state.stage.weight() * (state.fraction - Math.max(0, state.first));
    }
    return weight > 0 ? seconds / weight : 1;
  }

  private double remaining(Running state, double pace) {
    double done = state.fraction - Math.max(0, state.first);
    double seconds = seconds(state);
    return done > 0 && seconds > OWN_SPEED_AFTER_SECONDS
        ? seconds * (1 - state.fraction) / done
        : state.stage.weight() * pace * (1 - state.fraction);
  }

  private double seconds(Running state) {
    return (nanoTime.getAsLong() - state.startNanos) / 1e9;
  }

  private static final class Running {
    final Stage stage;
    final long startNanos;
    double first = -1;
    double fraction;

    Running(Stage stage, long startNanos) {
      this.stage = stage;
      this.startNanos = startNanos;
    }
  }
}
