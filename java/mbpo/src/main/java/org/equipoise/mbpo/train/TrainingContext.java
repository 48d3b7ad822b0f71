package org.equipoise.mbpo.train;

import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Where a training run keeps its checkpoint and whom it tells. Immutable.
 *
 * @param checkpoint the checkpoint file, or {@code null} for none; when it exists the run goes on
 *     from it
 * @param checkpointEvery optimiser steps between checkpoints
 * @param onStep called after every step, on the training thread
 * @param cancelled asked before every draw of data; once true the run stops with a checkpoint
 */
public record TrainingContext(
    @Nullable Path checkpoint,
    int checkpointEvery,
    Consumer<StepMetrics> onStep,
    BooleanSupplier cancelled) {

  public TrainingContext {
    Options.require(checkpointEvery >= 1, "checkpointEvery must be at least 1", checkpointEvery);
  }

  /** No checkpoint, nobody told. */
  public static TrainingContext plain() {
    return new TrainingContext(null, Integer.MAX_VALUE, step -> {}, () -> false);
  }

  public TrainingContext checkpoint(Path file, int everySteps) {
    return new TrainingContext(file, everySteps, onStep, cancelled);
  }

  public TrainingContext onStep(Consumer<StepMetrics> listener) {
    return new TrainingContext(checkpoint, checkpointEvery, listener, cancelled);
  }

  public TrainingContext cancelled(BooleanSupplier question) {
    return new TrainingContext(checkpoint, checkpointEvery, onStep, question);
  }
}
