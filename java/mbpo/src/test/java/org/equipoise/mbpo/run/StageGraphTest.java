package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StageGraphTest {
  @TempDir Path root;

  /** Remembers what ran and why. */
  private static final class Recorder implements RunListener {
    final List<String> started = new ArrayList<>();
    final List<String> skipped = new ArrayList<>();
    final List<String> reasons = new ArrayList<>();
    int ended;

    @Override
    public void stageStarted(Stage stage, String reason) {
      started.add(stage.id());
      reasons.add(reason);
    }

    @Override
    public void stageSkipped(Stage stage) {
      skipped.add(stage.id());
    }

    @Override
    public void runEnded() {
      ended++;
    }
  }

  private static void write(StageContext context, String text) {
    AtomicFiles.write(context.file("out.txt"), text);
  }

  private static String read(StageContext context, String stage) {
    return AtomicFiles.readText(context.input(stage, "out.txt"));
  }

  /** data -> (left, right) -> sum. */
  private static StageGraph diamond(int left) {
    return StageGraph.of(
        Stage.of("data", c -> write(c, "d")),
        Stage.of("left", c -> write(c, read(c, "data") + left)).setting("left", left).after("data"),
        Stage.of("right", c -> write(c, read(c, "data") + "r")).after("data"),
        Stage.of("sum", c -> write(c, read(c, "left") + read(c, "right"))).after("left", "right"));
  }

  private Recorder run(StageGraph graph) {
    Recorder recorder = new Recorder();
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults().withListener(recorder));
    }
    assertEquals(1, recorder.ended);
    return recorder;
  }

  @Test
  void runsInOrderOnceAndSkipsWhatIsFinished() {
    assertEquals(List.of("data", "left", "right", "sum"), run(diamond(1)).started);
    assertEquals("d1dr", AtomicFiles.readText(root.resolve("sum/out.txt")));
    Recorder second = run(diamond(1));
    assertEquals(List.of(), second.started);
    assertEquals(List.of("data", "left", "right", "sum"), second.skipped);
  }

  @Test
  void changedSettingRunsOnlyWhatDependsOnIt() {
    run(diamond(1));
    Recorder second = run(diamond(2));
    assertEquals(List.of("left", "sum"), second.started);
    assertEquals(List.of("data", "right"), second.skipped);
    assertEquals("it runs again because left was 1 and is 2", second.reasons.get(0));
    assertEquals("it runs again because its input left changed", second.reasons.get(1));
    assertEquals("d2dr", AtomicFiles.readText(root.resolve("sum/out.txt")));
  }

  @Test
  void ofLongSettingsOnlyTheDifferenceIsSaid() {
    String before =
        "Recipe[rate=Rate[peak=0.002, decay=0.01], steps=900, batch=Batch[size=64], seed=20]";
    String now = before.replace("900", "700");
    StageMarker recorded = withRecipe(before);
    assertEquals(
        "it runs again because recipe was steps=900 and is steps=700",
        Changes.describe(recorded, withRecipe(now)));
    String wider = now.replace("decay=0.01", "decay=0.1");
    assertEquals(
        "it runs again because recipe was decay=0.01], steps=900 and is decay=0.1], steps=700",
        Changes.describe(recorded, withRecipe(wider)));
  }

  private static StageMarker withRecipe(String recipe) {
    return StageMarker.begun(Stage.of("train", context -> {}).setting("recipe", recipe), Map.of());
  }

  /** What reads it is finished still, since it gets what it got before. */
  @Test
  void lostOutputIsMadeAgain() throws Exception {
    run(diamond(1));
    Path lost = root.resolve("right/out.txt");
    Files.delete(lost);
    Recorder second = run(diamond(1));
    assertEquals(List.of("right"), second.started);
    assertEquals(List.of("data", "left", "sum"), second.skipped);
    assertEquals(List.of(lost + " is lost; it goes on from what is whole"), second.reasons);
    assertEquals("dr", AtomicFiles.readText(lost));
  }

  @Test
  void damagedOutputIsMadeAgain() throws Exception {
    run(diamond(1));
    Path file = root.resolve("data/out.txt");
    for (String damage : List.of("", "e")) {
      Files.writeString(file, damage);
      Recorder again = run(diamond(1));
      assertEquals(List.of("data"), again.started);
      assertEquals("d", AtomicFiles.readText(file));
      String wrong =
          damage.isEmpty() ? "has 0 bytes where 1 were written" : "holds other bytes than were";
      assertTrue(again.reasons.get(0).startsWith(file + " " + wrong), again.reasons.get(0));
    }
    assertEquals("d1dr", AtomicFiles.readText(root.resolve("sum/out.txt")));
  }

  @Test
  void workFindsWhatItChecksItselfAndWorkingFilesAreNoOutputs() throws Exception {
    StageGraph graph =
        StageGraph.of(
            Stage.of(
                    "stage",
                    c -> {
                      Path log = c.file("store/log");
                      boolean damaged =
                          Files.exists(log) && !AtomicFiles.readText(log).equals("whole");
                      write(c, damaged ? "found" : "none");
                      AtomicFiles.write(log, "whole");
                      AtomicFiles.write(c.file("progress"), "1");
                    })
                .withWorking(Set.of("progress"))
                .withChecked(Set.of("store")));
    run(graph);
    Files.delete(root.resolve("stage/progress"));
    assertEquals(List.of(), run(graph).started);
    Files.writeString(root.resolve("stage/store/log"), "wrong");
    assertEquals(List.of("stage"), run(graph).started);
    assertEquals("found", AtomicFiles.readText(root.resolve("stage/out.txt")));
  }

  /** A file that the user lays beside them is none of ours. */
  @Test
  void otherFilesInAStagesFolderAreLeftAlone() throws Exception {
    run(diamond(1));
    Files.writeString(root.resolve("data/notes.txt"), "mine");
    assertEquals(List.of(), run(diamond(1)).started);
  }

  @Test
  void theSameOutputsOfOtherSettingsChangeNothingBelow() {
    for (int setting : new int[] {1, 2}) {
      Recorder recorder =
          run(
              StageGraph.of(
                  Stage.of("one", c -> write(c, "same")).setting("way", setting),
                  Stage.of("two", c -> write(c, read(c, "one"))).after("one")));
      assertEquals(setting == 1 ? List.of("one", "two") : List.of("one"), recorder.started);
    }
  }

  @Test
  void failureKeepsFinishedStagesAndResumesInTheSameFolder() {
    AtomicBoolean broken = new AtomicBoolean(true);
    StageGraph graph =
        StageGraph.of(
            Stage.of("first", c -> write(c, "1")),
            Stage.of(
                    "second",
                    c -> {
                      if (broken.get()) {
                        AtomicFiles.write(c.file("half.txt"), "kept");
                        throw new IllegalArgumentException("the cat ate it");
                      }
                      write(c, AtomicFiles.readText(c.file("half.txt")));
                    })
                .after("first"));
    FailedStageException failure = assertThrows(FailedStageException.class, () -> run(graph));
    assertEquals("stage second failed: the cat ate it", failure.getMessage());
    assertEquals("second", failure.stageId());
    broken.set(false);
    Recorder again = run(graph);
    assertEquals(List.of("second"), again.started);
    assertEquals(List.of("it was interrupted and goes on"), again.reasons);
    assertEquals("kept", AtomicFiles.readText(root.resolve("second/out.txt")));
  }

  @Test
  void unfinishedWorkOfOtherSettingsIsThrownAway() {
    for (int setting : new int[] {1, 2}) {
      StageGraph graph =
          StageGraph.of(
              Stage.of(
                      "stage",
                      c -> {
                        assertFalse(Files.exists(c.file("half.txt")), "left by other settings");
                        AtomicFiles.write(c.file("half.txt"), "x");
                        throw new IllegalStateException("stop here");
                      })
                  .setting("number", setting));
      FailedStageException failure = assertThrows(FailedStageException.class, () -> run(graph));
      assertEquals("stage stage failed: stop here", failure.getMessage());
    }
  }

  @Test
  void independentStagesRunAtTheSameTime() {
    CountDownLatch both = new CountDownLatch(2);
    Stage.Work meet =
        c -> {
          both.countDown();
          assertTrue(both.await(30, TimeUnit.SECONDS), "the other stage must be running too");
        };
    StageGraph graph = StageGraph.of(Stage.of("one", meet), Stage.of("two", meet));
    try (RunFolder folder = RunFolder.open(root)) {
      Map<String, Double> seconds = graph.run(folder, RunOptions.defaults().withWorkers(2));
      assertEquals(List.of("one", "two"), List.copyOf(seconds.keySet()));
      assertTrue(seconds.get("one") >= 0 && seconds.get("two") >= 0, seconds.toString());
    }
  }

  @Test
  void failureStopsTheStageBesideIt() {
    CountDownLatch running = new CountDownLatch(1);
    AtomicBoolean stopped = new AtomicBoolean();
    StageGraph graph =
        StageGraph.of(
            Stage.of(
                "long",
                c -> {
                  running.countDown();
                  while (!c.cancelled()) {
                    Thread.sleep(1);
                  }
                  stopped.set(true);
                }),
            Stage.of(
                "bad",
                c -> {
                  running.await();
                  throw new OutOfMemoryError("no room");
                }),
            Stage.of("never", c -> write(c, "")).after("long"));
    try (RunFolder folder = RunFolder.open(root)) {
      FailedStageException failure =
          assertThrows(
              FailedStageException.class,
              () -> graph.run(folder, RunOptions.defaults().withWorkers(2)));
      assertEquals("stage bad failed: memory ran out (no room)", failure.getMessage());
      assertTrue(stopped.get());
      assertFalse(folder.recorded("long").marker().finished(), "it returned early");
      assertFalse(Files.exists(root.resolve("never")));
    }
  }

  @Test
  void cancellationIsNoFailureAndTheNextRunGoesOn() {
    AtomicBoolean cancelled = new AtomicBoolean();
    StageGraph graph =
        StageGraph.of(
            Stage.of("first", c -> write(c, "1")),
            Stage.of(
                    "second",
                    c -> {
                      write(c, "2");
                      cancelled.set(!cancelled.get());
                      c.stopIfCancelled();
                    })
                .after("first"));
    try (RunFolder folder = RunFolder.open(root)) {
      RunOptions options = RunOptions.defaults().withCancelled(cancelled::get);
      assertThrows(CancelledException.class, () -> graph.run(folder, options));
    }
    cancelled.set(true);
    Recorder again = run(graph);
    assertEquals(List.of("second"), again.started);
  }

  /** Mining knows nothing of runs; it tells its progress. */
  @Test
  void aJobThatTellsItsProgressStopsBetweenTwoPieces() {
    AtomicBoolean cancelled = new AtomicBoolean();
    StageGraph graph =
        StageGraph.of(
            Stage.of(
                "mine",
                c -> {
                  Progress progress = c.progress(0, 1);
                  progress.begin("pieces", 9);
                  for (int piece = 1; piece <= 9; piece++) {
                    AtomicFiles.write(c.file("piece-" + piece), "");
                    cancelled.set(piece == 3);
                    progress.update(piece);
                  }
                }));
    try (RunFolder folder = RunFolder.open(root)) {
      RunOptions options = RunOptions.defaults().withCancelled(cancelled::get);
      assertThrows(CancelledException.class, () -> graph.run(folder, options));
    }
    assertTrue(Files.exists(root.resolve("mine/piece-3")));
    assertFalse(Files.exists(root.resolve("mine/piece-4")));
  }

  @Test
  void workerSetupRunsOnTheWorkersThread() {
    ThreadLocal<String> state = new ThreadLocal<>();
    StageGraph graph = StageGraph.of(Stage.of("one", c -> assertEquals("set", state.get())));
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults().withWorkerSetup(() -> state.set("set")));
    }
  }

  @Test
  void mistakesInAGraphAreNamed() {
    Stage one = Stage.of("one", c -> {});
    assertEquals(
        "two stages are called one",
        assertThrows(IllegalArgumentException.class, () -> StageGraph.of(one, one)).getMessage());
    assertEquals(
        "stage one reads stage two, which must stand before it; before it stand []",
        assertThrows(IllegalArgumentException.class, () -> StageGraph.of(one.after("two")))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> Stage.of("../one", c -> {}));
    assertThrows(IllegalArgumentException.class, () -> Stage.of(".run", c -> {}));
    assertThrows(IllegalArgumentException.class, () -> Stage.of("set-aside", c -> {}));
    assertThrows(IllegalArgumentException.class, () -> one.withWeight(0));
    assertThrows(IllegalArgumentException.class, () -> one.setting("array", new int[1]));
    assertThrows(IllegalArgumentException.class, () -> one.setting("object", new Object()));
  }

  @Test
  void readingAnUndeclaredStageIsRefused() {
    StageGraph graph =
        StageGraph.of(
            Stage.of("one", c -> write(c, "1")), Stage.of("two", c -> write(c, read(c, "one"))));
    FailedStageException failure = assertThrows(FailedStageException.class, () -> run(graph));
    assertEquals(
        "stage two failed: stage two reads stage one, which is none of its inputs []",
        failure.getMessage());
  }
}
