package org.equipoise.mbpo.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.equipoise.mbpo.storage.Sentence;
import org.jspecify.annotations.Nullable;

/**
 * One execution of a graph: workers take the first stage whose inputs are finished until none is
 * left, one failed, or the run is cancelled. The monitor of this object guards its mutable state.
 */
final class StageRunner {
  private final StageGraph graph;
  private final RunFolder folder;
  private final RunOptions options;

  /** Fingerprints of what finished stages wrote. */
  private final Map<String, String> contents = new HashMap<>();

  private final List<Stage> waiting;
  private final Set<String> finished = new HashSet<>();
  private @Nullable RuntimeException failure;

  StageRunner(StageGraph graph, RunFolder folder, RunOptions options) {
    this.graph = graph;
    this.folder = folder;
    this.options = options;
    this.waiting = new ArrayList<>(graph.stages());
  }

  void run() {
    tell(listener -> listener.runStarted(graph.stages()));
    try {
      folder.notices().forEach(sentence -> tell(listener -> listener.noticed(sentence)));
      graph.stages().forEach(stage -> folder.stageFolder(stage.id()).requireFolder());
      skipFinishedStages();
      requireOwnFolders();
      folder.keepDigests();
      runWorkers();
    } finally {
      tell(RunListener::runEnded);
    }
    if (failure != null) {
      throw failure;
    }
    if (!waiting.isEmpty()) {
      throw new CancelledException();
    }
  }

  private void skipFinishedStages() {
    for (Stage stage : graph.stages()) {
      if (finished.containsAll(stage.inputs())) {
        StageState state = StageState.of(stage, inputs(stage), folder);
        if (state.isFinished()) {
          waiting.remove(stage);
          skip(stage, state.marker());
        }
      }
    }
  }

  /** Before any of them works for hours. */
  private void requireOwnFolders() {
    for (Stage stage : waiting) {
      folder.stageFolder(stage.id()).requireOwn(folder.recordedFiles(stage.id()));
    }
  }

  private void skip(Stage stage, StageMarker marker) {
    synchronized (this) {
      contents.put(stage.id(), marker.contents());
      finished.add(stage.id());
      notifyAll();
    }
    tell(listener -> listener.stageSkipped(stage));
  }

  private synchronized Map<String, String> inputs(Stage stage) {
    Map<String, String> inputs = new TreeMap<>();
    stage.inputs().forEach(input -> inputs.put(input, contents.get(input)));
    return inputs;
  }

  private void runWorkers() {
    List<Thread> workers = new ArrayList<>();
    // Counted before the first one takes a stage from those that wait.
    int count = Math.min(options.workers(), waiting.size());
    for (int i = 0; i < count; i++) {
      Thread worker = new Thread(this::work, "stage-worker-" + i);
      workers.add(worker);
      worker.start();
    }
    boolean interrupted = false;
    for (Thread worker : workers) {
      while (worker.isAlive()) {
        try {
          worker.join();
        } catch (InterruptedException e) {
          interrupted = true;
          fail(new CancelledException());
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void work() {
    try {
      options.workerSetup().run();
      for (Stage stage = next(); stage != null; stage = next()) {
        runStage(stage);
      }
    } catch (RuntimeException e) {
      fail(e);
    } catch (Throwable e) {
      fail(new IllegalStateException("a worker could not go on: " + Sentence.of(e), e));
    }
  }

  /** The first stage that can start; waits for one while others run; null when there is no more. */
  private synchronized @Nullable Stage next() {
    while (!waiting.isEmpty() && !stopping()) {
      for (Stage stage : waiting) {
        if (finished.containsAll(stage.inputs())) {
          waiting.remove(stage);
          return stage;
        }
      }
      try {
        wait();
      } catch (InterruptedException e) {
        throw new CancelledException();
      }
    }
    return null;
  }

  private void runStage(Stage stage) {
    StageState state = StageState.of(stage, inputs(stage), folder);
    if (state.isFinished()) {
      // Its inputs ran again and gave what they had given before.
      skip(stage, state.marker());
      return;
    }
    for (String sentence : state.prepare(folder)) {
      tell(listener -> listener.noticed(stage.title() + ": " + sentence));
    }
    tell(listener -> listener.stageStarted(stage, state.reason()));
    long start = System.nanoTime();
    boolean done = perform(stage);
    double seconds = (System.nanoTime() - start) / 1e9;
    StageMarker marker = done ? folder.finish(stage, state.marker(), seconds) : null;
    if (marker != null) {
      tell(listener -> listener.stageFinished(stage, seconds));
    }
    synchronized (this) {
      if (marker != null) {
        contents.put(stage.id(), marker.contents());
        finished.add(stage.id());
      } else {
        waiting.add(stage);
      }
      notifyAll();
    }
  }

  /**
   * Whether the work came to its end. Work that returns after the run was told to stop may have
   * returned early, so it does not count.
   */
  private boolean perform(Stage stage) {
    try {
      stage.work().run(new Context(stage));
      return !stopping();
    } catch (CancelledException e) {
      if (!stopping()) {
        fail(new FailedStageException(stage.id(), e));
      }
      return false;
    } catch (Throwable e) {
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      fail(new FailedStageException(stage.id(), e));
      return false;
    }
  }

  private synchronized boolean stopping() {
    return failure != null || options.cancelled().getAsBoolean();
  }

  private synchronized void fail(RuntimeException cause) {
    if (failure == null) {
      failure = cause;
    } else if (failure != cause) {
      failure.addSuppressed(cause);
    }
    notifyAll();
  }

  private synchronized void tell(Consumer<RunListener> event) {
    event.accept(options.listener());
  }

  private final class Context implements StageContext {
    private final Stage stage;

    Context(Stage stage) {
      this.stage = stage;
    }

    @Override
    public Path folder() {
      return folder.stage(stage.id());
    }

    @Override
    public Path input(String stageId, String name) {
      if (!stage.inputs().contains(stageId)) {
        throw new IllegalArgumentException(
            "stage "
                + stage.id()
                + " reads stage "
                + stageId
                + ", which is none of its inputs "
                + stage.inputs());
      }
      return folder.stage(stageId).resolve(name);
    }

    @Override
    public void progress(double fraction, String note) {
      double share = Math.min(1, Math.max(0, fraction));
      tell(listener -> listener.stageProgressed(stage, share, note));
    }

    @Override
    public void notice(String sentence) {
      tell(listener -> listener.noticed(stage.title() + ": " + sentence));
    }

    @Override
    public boolean cancelled() {
      return stopping();
    }
  }
}
