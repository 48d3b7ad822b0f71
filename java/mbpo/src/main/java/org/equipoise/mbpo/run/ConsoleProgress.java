package org.equipoise.mbpo.run;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressState;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * Shows a run in the console: one bar over all stages with an estimate of the remaining time, and a
 * line when a stage ends. Where the output is no terminal there is no bar, but a line now and then.
 */
public final class ConsoleProgress implements RunListener {
  private static final int UNITS = 1000;
  private static final int BAR_CELLS = 12;
  private static final int REFRESH_MILLIS = 500;
  private static final int LONGEST = 2000;
  private static final long LINE_INTERVAL_NANOS = 15_000_000_000L;

  private final PrintStream out;
  private final boolean terminal;
  private final int workers;
  private final Map<Stage, String> running = new LinkedHashMap<>();
  private RunEstimate estimate;
  private @Nullable ProgressBar bar;
  private long startNanos;
  private long lastLineNanos;

  /**
   * @param out where to show it
   * @param terminal whether {@code out} can redraw a line
   * @param workers stages that may run at the same time, for the estimate
   */
  public ConsoleProgress(PrintStream out, boolean terminal, int workers) {
    this.out = out;
    this.terminal = terminal;
    this.workers = workers;
  }

  @Override
  public synchronized void runStarted(List<Stage> stages) {
    startNanos = System.nanoTime();
    lastLineNanos = startNanos;
    estimate = new RunEstimate(stages, workers, System::nanoTime);
    if (terminal) {
      bar =
          ProgressBar.builder()
              .setTaskName("")
              .setInitialMax(UNITS)
              .setUpdateIntervalMillis(REFRESH_MILLIS)
              .continuousUpdate()
              .setConsumer(new ConsoleProgressBarConsumer(out, width()))
              .setRenderer(this::render)
              .build();
    }
  }

  @Override
  public synchronized void stageSkipped(Stage stage) {
    estimate.skipped(stage);
    line(shown(stage.title()) + ": done by an earlier run");
  }

  @Override
  public synchronized void stageStarted(Stage stage, String reason) {
    estimate.started(stage);
    running.put(stage, "");
    line(shown(stage.title()) + ": starts, " + reason);
  }

  @Override
  public synchronized void stageProgressed(Stage stage, double fraction, String note) {
    estimate.progressed(stage, fraction);
    running.put(stage, percent(fraction) + (note.isEmpty() ? "" : " (" + shown(note) + ")"));
    long now = System.nanoTime();
    if (!terminal && now - lastLineNanos >= LINE_INTERVAL_NANOS) {
      lastLineNanos = now;
      line(state());
    }
  }

  @Override
  public synchronized void noticed(String sentence) {
    line(sentence);
  }

  @Override
  public synchronized void stageFinished(Stage stage, double seconds) {
    estimate.finished(stage);
    running.remove(stage);
    line(shown(stage.title()) + ": finished in " + duration(seconds));
  }

  @Override
  public void runEnded() {
    // The bar's thread renders under this object's monitor: closing waits for it, so not within.
    ProgressBar ending;
    synchronized (this) {
      ending = bar;
      bar = null;
    }
    if (ending != null) {
      ending.close();
    }
  }

  /** Called by the bar's own thread. */
  private synchronized String render(ProgressState ignored, int maxLength) {
    int full = (int) (estimate.fraction() * BAR_CELLS);
    String text = "[" + "=".repeat(full) + " ".repeat(BAR_CELLS - full) + "] " + state();
    return text.length() > maxLength ? text.substring(0, maxLength) : text;
  }

  private String state() {
    double elapsed = (System.nanoTime() - startNanos) / 1e9;
    String stages =
        running.entrySet().stream()
            .map(e -> (shown(e.getKey().title()) + " " + e.getValue()).strip())
            .collect(Collectors.joining(", "));
    return percent(estimate.fraction())
        + ", "
        + duration(elapsed)
        + ", about "
        + duration(estimate.remainingSeconds())
        + " left: "
        + stages;
  }

  private void line(String text) {
    // Blanks wipe what the bar left of the line; the bar redraws itself below.
    String clear = terminal ? "\r" + " ".repeat(width()) + "\r" : "";
    out.println(clear + Excerpt.beginning(text, LONGEST));
  }

  /** A bar is one line. */
  private static String shown(String text) {
    return Excerpt.of(text);
  }

  private static String percent(double fraction) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * fraction);
  }

  /** For example {@code 4.2 s}, {@code 3:07 min} or {@code 2:03:00 h}. */
  static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (seconds < 10) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    if (whole < 60) {
      return whole + " s";
    }
    return whole < 3600
        ? String.format(Locale.ROOT, "%d:%02d min", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d h", whole / 3600, whole / 60 % 60, whole % 60);
  }

  /** Shells set COLUMNS for programs that ask for it; otherwise the narrowest usual width. */
  private static int width() {
    String columns = System.getenv("COLUMNS");
    return columns != null && columns.matches("[1-9][0-9]{1,3}")
        ? Integer.parseInt(columns) - 1
        : 79;
  }
}
