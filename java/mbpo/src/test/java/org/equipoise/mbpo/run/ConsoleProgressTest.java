package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConsoleProgressTest {
  @TempDir Path root;

  private String show(boolean terminal) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    StageGraph graph =
        StageGraph.of(
            Stage.of("mine", c -> c.progress(0.5, "12 of 24")).withTitle("Mining"),
            Stage.of(
                    "train",
                    c -> {
                      c.progress(0.25, "loss 0.5");
                      Thread.sleep(1500);
                    })
                .withTitle("Training")
                .after("mine"));
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults().withListener(new ConsoleProgress(out, terminal, 1)));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void plainLinesWithoutATerminal() {
    String text = show(false);
    assertFalse(text.contains("\r") || text.contains("\u001b"), text);
    assertTrue(text.contains("Mining: starts, it has not run here before\n"), text);
    assertTrue(text.contains("Training: starts, it has not run here before\n"), text);
    // How long they took depends on what else runs; the test of durations is for their digits.
    assertTrue(text.matches("(?s).*\nTraining: finished in \\d+(\\.\\d)? s\n"), text);
    assertEquals(4, text.lines().count(), text);
    assertTrue(show(false).startsWith("Mining: done by an earlier run\n"));
  }

  @Test
  void aBarOnATerminal() {
    String text = show(true);
    assertTrue(text.contains("[=======     ] "), text);
    assertTrue(text.contains("63 %"), text);
    assertTrue(text.contains(" left: Training 25 % (loss 0.5)"), text);
    for (String line : text.split("[\r\n]+")) {
      assertTrue(line.length() <= 79 || System.getenv("COLUMNS") != null, line);
    }
  }

  /** Titles, reasons and notes may hold what a file said. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void foreignTextsMoveNoCursor(boolean terminal) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    ConsoleProgress progress = new ConsoleProgress(out, terminal, 1);
    Stage stage = Stage.of("stage", c -> {}).withTitle("a\u001b[2J\rb");
    progress.runStarted(List.of(stage));
    progress.stageStarted(stage, "x was \u001b]0;y\u0007\nz and is \u202e");
    progress.stageProgressed(stage, 0.5, "c\u001b[A\rd");
    progress.noticed("n".repeat(8_000_000));
    progress.runEnded();
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("a\\u001b[2J\\u000db: starts, x was \\u001b]0;y\\u0007\\nz"), text);
    assertFalse(text.contains("\rb") || text.contains("\rd") || text.contains("\u202e"), text);
    assertFalse(text.contains("\u001b") || text.contains("\u0007"), text);
    assertTrue(text.length() < 5000, text);
  }

  @Test
  void durations() {
    assertEquals("0.0 s", ConsoleProgress.duration(0));
    assertEquals("9.9 s", ConsoleProgress.duration(9.94));
    assertEquals("59 s", ConsoleProgress.duration(59.4));
    assertEquals("1:00 min", ConsoleProgress.duration(59.6));
    assertEquals("59:59 min", ConsoleProgress.duration(3599));
    assertEquals("2:03:04 h", ConsoleProgress.duration(7384));
  }
}
