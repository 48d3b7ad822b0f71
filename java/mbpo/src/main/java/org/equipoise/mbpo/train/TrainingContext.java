package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Where a training run keeps its checkpoint and whom it tells. Immutable.
 *
 * @param checkpoint the checkpoint file, or {@code null} for none; when it exists the run goes on
 *     from it; none by default
 * @param checkpointEvery optimiser steps between checkpoints, at least 1; 20 by default
 * @param onResume called once before the first step, with those that a checkpoint has behind it;
 *     with none when the run begins
 * @param onStep called after every step, on the training thread
 * @param onNotice told that a file was damaged and where the run goes on; a whole sentence. The
 *     default writes it to the platform's log
 * @param cancelled asked before every draw of data; once true the run stops with a checkpoint;
 *     never by default
 */
@RecordBuilder
public record TrainingContext(
    @Nullable Path checkpoint,
    int checkpointEvery,
    Consumer<List<StepMetrics>> onResume,
    Consumer<StepMetrics> onStep,
    Consumer<String> onNotice,
    BooleanSupplier cancelled)
    implements TrainingContextBuilder.With {
  /** What the name of the file of reference log-probs adds to that of the checkpoint. */
  public static final String REFERENCE = ".reference";

  private static final System.Logger LOG = System.getLogger(TrainingContext.class.getName());

  public TrainingContext {
    OptionChecks.require(
        checkpointEvery >= 1, "checkpointEvery must be at least 1", checkpointEvery);
  }

  /** No checkpoint, nobody told. */
  public static TrainingContext defaults() {
    return new TrainingContext(
        null,
        20,
        steps -> {},
        step -> {},
        sentence -> LOG.log(System.Logger.Level.WARNING, sentence),
        () -> false);
  }
}
