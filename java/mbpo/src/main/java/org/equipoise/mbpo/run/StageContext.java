package org.equipoise.mbpo.run;

import java.nio.file.Path;

/** What a stage's work sees of the run. Thread-safe. */
public interface StageContext {
  /**
   * The stage's own folder; exists. After an interruption it holds what was written before; of a
   * finished stage that was damaged, the files that are whole.
   */
  Path folder();

  /** A file in the stage's own folder. */
  default Path file(String name) {
    return folder().resolve(name);
  }

  /** A file in the folder of an input stage; a stage that was not declared as input is refused. */
  Path input(String stageId, String name);

  /** Reports the share done, 0 to 1. A resumed stage starts with what it finds done. */
  default void progress(double fraction) {
    progress(fraction, "");
  }

  /** Reports the share done with a few words, for example {@code "loss 0.31"}. */
  void progress(double fraction, String note);

  /** Says that something was found damaged and where the work goes on; a whole sentence. */
  default void notice(String sentence) {}

  /**
   * For jobs that report to a {@link Progress}: their current task's share fills this stage's
   * progress from {@code from} to {@code to}.
   */
  default Progress progress(double from, double to) {
    return new ProgressPart(this, from, to);
  }

  /** Whether the run is to stop, because it was cancelled or because another stage failed. */
  boolean cancelled();

  /** Leaves the work if the run is to stop; what was written stays for the next run. */
  default void stopIfCancelled() {
    if (cancelled()) {
      throw new CancelledException();
    }
  }
}
