package org.equipoise.mbpo.run;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * How a graph is run. Immutable.
 *
 * @param workers stages that may run at the same time, at least 1; 1 by default
 * @param workerSetup called on each worker thread before its first stage, for thread-local state
 *     such as LibTorch's number of threads; nothing by default
 * @param cancelled asked by stages; once true the run stops with a {@link CancelledException};
 *     never by default
 * @param listener is told what happens; nobody by default
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

  /** Every component at its default. */
  public static RunOptions defaults() {
    return new RunOptions(1, () -> {}, () -> false, RunListener.SILENT);
  }
}
