package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.storage.FaultPoints;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run that is killed at any moment and started again gives the very files of one that was not.
 */
class KillTest {
  private static final int KILLED_RUNS = Proof.count(20, 8);
  private static final int KILLED_RUNS_AT_MOST = 60;
  private static final int KILLED_TWICE = Proof.count(4, 2);
  private static final int EXTERNAL_KILLS = 4;
  private static final long SEED = 20;
  private static final List<String> PLACES =
      List.of(
          "halted before a write",
          "halted within a write",
          "halted after the bytes of a write",
          "halted between write and rename",
          "halted after a rename",
          "halted within an append");

  @TempDir Path temporary;

  @Test
  void diesAtRandomFileOperations() throws Exception {
    KillHarness harness = harness(0);
    Path uninterrupted = temporary.resolve("uninterrupted");
    long operations = complete(uninterrupted);
    assertTrue(operations > 100, () -> "too few file operations to choose from: " + operations);
    SplittableRandom random = new SplittableRandom(SEED);
    Set<String> places = new TreeSet<>();
    for (int i = 0; i < KILLED_RUNS || i < KILLED_RUNS_AT_MOST && missing(places); i++) {
      Path folder = temporary.resolve("killed-" + i);
      long first = 1 + random.nextLong(operations);
      Optional<String> place = harness.dieAt(folder, first);
      place.ifPresent(places::add);
      String when = place.orElse("not halted") + " at file operation " + first;
      if (i < KILLED_TWICE) {
        long second = 1 + random.nextLong(operations / 2);
        Optional<String> again = harness.dieAt(folder, second);
        when += ", then " + again.orElse("not halted") + " at " + second;
      }
      complete(folder);
      KillHarness.assertSameFiles(uninterrupted, folder, when);
    }
    for (String place : PLACES) {
      assertTrue(places.contains(place), () -> "no run was " + place + "; places: " + places);
    }
  }

  private static boolean missing(Set<String> places) {
    return !places.containsAll(PLACES);
  }

  /**
   * Every operation around the last stage's record: before, within, between write and rename,
   * after. Behind it stands only the write of digests.
   */
  @Test
  void diesAtEveryOperationOfTheLastWrites() throws Exception {
    KillHarness harness = harness(0);
    Path uninterrupted = temporary.resolve("uninterrupted");
    long operations = complete(uninterrupted);
    for (long operation = operations - 11; operation <= operations - 5; operation++) {
      Path folder = temporary.resolve("killed-at-" + operation);
      Optional<String> place = harness.dieAt(folder, operation);
      assertTrue(place.isPresent(), "the process must die before its end");
      complete(folder);
      KillHarness.assertSameFiles(uninterrupted, folder, place.get());
    }
  }

  @Test
  void isKilledFromOutsideAtRandomTimes() throws Exception {
    KillHarness harness = harness(8);
    Path uninterrupted = temporary.resolve("uninterrupted");
    harness.complete(uninterrupted);
    long whole = KillHarness.fileCount(uninterrupted);
    SplittableRandom random = new SplittableRandom(SEED);
    int killed = 0;
    // On a busy machine a run may end between two looks at its files: it counts for nothing.
    for (int i = 0; killed < EXTERNAL_KILLS && i < 5 * EXTERNAL_KILLS; i++) {
      Path folder = temporary.resolve("killed-" + i);
      long files = whole / 4 + random.nextLong(whole / 2);
      killed += harness.killAtFiles(folder, files) ? 1 : 0;
      complete(folder);
      KillHarness.assertSameFiles(uninterrupted, folder, "killed at " + files + " files");
    }
    assertEquals(EXTERNAL_KILLS, killed, "runs that were killed in time");
  }

  private KillHarness harness(int pauseMillis) {
    return new KillHarness(
        temporary,
        List.of("-Xmx64m"),
        List.of(TinyPipeline.class.getName(), Integer.toString(pauseMillis)));
  }

  /** Runs to the end in this process, which is quicker; returns the file operations passed. */
  private static long complete(Path folder) {
    long before = FaultPoints.passed();
    TinyPipeline.run(folder, 0);
    return FaultPoints.passed() - before;
  }
}
