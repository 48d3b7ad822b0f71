package org.equipoise.mbpo.run;

import java.util.List;

/**
 * Is told what a run does. Called from worker threads, one call at a time. A listener that throws
 * fails the run.
 */
public interface RunListener {
  RunListener SILENT = new RunListener() {};

  /** All stages, in the order of the graph. */
  default void runStarted(List<Stage> stages) {}

  /** An earlier run finished this stage. */
  default void stageSkipped(Stage stage) {}

  /**
   * @param reason why it runs, as a sentence: first run, resumed after an interruption, or what
   *     changed
   */
  default void stageStarted(Stage stage, String reason) {}

  /**
   * @param fraction share done, 0 to 1
   * @param note a few words, may be empty
   */
  default void stageProgressed(Stage stage, double fraction, String note) {}

  /** Something was found damaged and mended; a whole sentence. */
  default void noticed(String sentence) {}

  default void stageFinished(Stage stage, double seconds) {}

  /** The run ended: well, by a failure, or cancelled. Called once, also when stages threw. */
  default void runEnded() {}
}
