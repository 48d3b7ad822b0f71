package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.mbpo.tensor.WeightsFingerprint;

/**
 * Runs a {@link TrainingTask}: gradients, clipping, AdamW, schedule, metrics, alarms, checkpoints,
 * cancellation. For a fixed number of threads a resumed run reaches bitwise the weights of an
 * uninterrupted one. Call it with the starting weights, also when resuming: a checkpoint counts for
 * them only.
 */
public final class TrainingLoop {
  private TrainingLoop() {}

  /** Trains the model in place. */
  public static TrainingResult run(
      MultimodalModel model, OptimizerOptions options, TrainingTask task, TrainingContext context) {
    long started = System.nanoTime();
    Map<String, Tensor> parameters = model.parameters();
    int updates = task.updatesPerIteration();
    int totalSteps = Math.multiplyExact(task.iterations(), updates);
    List<StepMetrics> history = new ArrayList<>();
    List<String> alarms = new ArrayList<>();
    CollapseMonitor monitor = new CollapseMonitor();
    boolean cancelled = false;
    try (AdamW optimizer = new AdamW(options, parameters)) {
      TrainingCheckpoint checkpoint = null;
      if (context.checkpoint() != null) {
        checkpoint =
            new TrainingCheckpoint(
                context.checkpoint(), fingerprint(model, options, task), parameters, optimizer);
        TrainingCheckpoint.Position position = checkpoint.read(context.onNotice());
        history.addAll(position.history());
        alarms.addAll(position.alarms());
        monitor.restore(history);
      }
      context.onResume().accept(List.copyOf(history));
      int saved = history.size();
      for (int iteration = history.size() / updates; iteration < task.iterations(); iteration++) {
        cancelled = context.cancelled().getAsBoolean();
        if (cancelled) {
          break;
        }
        int every = context.checkpointEvery();
        // At the same steps in a resumed run as in an uninterrupted one.
        if (checkpoint != null && history.size() / every > saved / every) {
          checkpoint.write(history, alarms);
          saved = history.size();
        }
        try (PointerScope iterationScope = new PointerScope()) {
          task.begin(iteration);
          for (int update = 0; update < updates; update++) {
            int step = history.size();
            StepMetrics metrics = step(optimizer, options, task, update, step, totalSteps, monitor);
            history.add(metrics);
            alarms.addAll(metrics.alarms());
            context.onStep().accept(metrics);
          }
        }
      }
      if (cancelled && checkpoint != null && history.size() > saved) {
        checkpoint.write(history, alarms);
      }
    }
    double seconds = (System.nanoTime() - started) / 1e9;
    return new TrainingResult(history.size(), cancelled, history, alarms, seconds);
  }

  private static String fingerprint(
      MultimodalModel model, OptimizerOptions options, TrainingTask task) {
    return new Fingerprint()
        .add("task", task.name())
        .add("optimizer", options)
        .add("data and options", task.fingerprint())
        .add("starting weights", WeightsFingerprint.of(model.weights()))
        .hex();
  }

  private static StepMetrics step(
      AdamW optimizer,
      OptimizerOptions options,
      TrainingTask task,
      int update,
      int step,
      int totalSteps,
      CollapseMonitor monitor) {
    try (PointerScope stepScope = new PointerScope()) {
      optimizer.zeroGradients();
      Map<String, Double> values =
          new LinkedHashMap<>(
              Returned.required(task.computeGradients(update), "TrainingTask.computeGradients"));
      values.put("gradient_norm", optimizer.clipGradients());
      double rate = options.rate(step, totalSteps);
      values.put("learning_rate", rate);
      List<String> alarms = monitor.observe(step, values);
      // Without any gradient (no online group taught anything) the moments must not move the
      // weights.
      if (values.get("gradient_norm") > 0) {
        optimizer.step(step, rate);
      }
      return new StepMetrics(step, totalSteps, values, alarms);
    }
  }
}
