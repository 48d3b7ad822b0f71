package org.equipoise.mbpo.run;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * How a graph is run. Immutable.
 *
 * @param workers stages that may run at the same time
 * @param workerSetup called on each worker thread before its first stage, for thread-local state
 *     such as LibTorch's number of threads
 * @param cancelled asked by stages; once true the run stops with a {@link CancelledException}
 * @param listener is told what happens
 */
@RecordBuilder
public record RunOptions(
    int workers, Runnable workerSetup, BooleanSupplier cancelled, RunListener listener)
    implements RunOptionsBuilder.With {

  public RunOptions {
    if (workers < 1) {
      throw new IllegalArgumentException("workers must be at least 1, found " + workers);
    }
    Objects.requireNonNull(workerSetup, "workerSetup");
    Objects.requireNonNull(cancelled, "cancelled");
    Objects.requireNonNull(listener, "listener");
  }

  /** One worker, never cancelled, nobody told. */
  public static RunOptions defaults() {
    return new RunOptions(1, () -> {}, () -> false, RunListener.SILENT);
  }
}
