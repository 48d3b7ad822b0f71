package org.equipoise.mbpo.cli;

import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.equipoise.mbpo.run.CancelledException;
import org.equipoise.mbpo.run.ConsoleProgress;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Runs a stage graph for a user at a console: progress on the error output, and Ctrl-C or SIGTERM
 * lets the stages write their checkpoints before the process ends.
 */
public final class ConsoleRun {
  private static final long PATIENCE_SECONDS = 30;

  private ConsoleRun() {}

  /**
   * @param workers stages that may run at the same time
   * @param workerSetup called on each worker thread before its first stage
   * @return seconds of each stage's successful attempt
   */
  public static Map<String, Double> run(
      StageGraph graph, RunFolder folder, int workers, Runnable workerSetup) {
    AtomicBoolean cancelled = new AtomicBoolean();
    CountDownLatch ended = new CountDownLatch(1);
    Thread hook = new Thread(() -> cancel(cancelled, ended), "cancel-run");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return graph.run(
          folder,
          RunOptions.defaults()
              .withWorkers(workers)
              .withWorkerSetup(workerSetup)
              .withCancelled(cancelled::get)
              .withListener(progress(workers)));
    } catch (CancelledException e) {
      // Said before the hook lets the process end.
      System.err.println(Excerpt.readable(e.getMessage()));
      throw e;
    } finally {
      ended.countDown();
      removeUnlessShuttingDown(hook, cancelled);
    }
  }

  /** A bar moves the cursor itself and shows readable texts only; lines are ordinary output. */
  private static ConsoleProgress progress(int workers) {
    boolean terminal = Terminal.isInteractive();
    return new ConsoleProgress(
        terminal ? StandardStreams.terminal() : System.err, terminal, workers);
  }

  private static void cancel(AtomicBoolean cancelled, CountDownLatch ended) {
    cancelled.set(true);
    System.err.println("stopping after the current step");
    try {
      if (!ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        System.err.println(
            "stopped in the middle of a step; the same command goes on from the last checkpoint");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void removeUnlessShuttingDown(Thread hook, AtomicBoolean cancelled) {
    if (!cancelled.get()) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The process is ending already; the hook finds the run ended and does not wait.
        return;
      }
    }
  }
}
