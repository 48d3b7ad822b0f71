package org.equipoise.mbpo.demo;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.equipoise.mbpo.run.KillHarness;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The real pipeline, killed again and again in the same folder: mining, trainings with their
 * checkpoints, evaluation and report go on where the process before them died, and end with the
 * very files of a run that nobody killed.
 */
class DemoKillTest {
  private static final int KILLS = 20;
  private static final long SEED = 3;

  @TempDir Path temporary;

  @Test
  void killedTwentyTimesItEndsWithTheSameFiles() throws Exception {
    KillHarness harness =
        new KillHarness(
            temporary,
            List.of(
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"),
            List.of(TinyDemo.class.getName()));
    Path uninterrupted = temporary.resolve("uninterrupted");
    harness.complete(uninterrupted);
    long operations = operations(harness.log());
    SplittableRandom random = new SplittableRandom(SEED);
    int kills = 0;
    for (int chain = 0; kills < KILLS; chain++) {
      Path folder = temporary.resolve("killed-" + chain);
      Optional<String> place;
      do {
        // Far enough to get past a checkpoint, the longest write: otherwise no process gets on.
        place = harness.dieAt(folder, 1 + random.nextLong(operations / 2));
        kills += place.isPresent() ? 1 : 0;
      } while (place.isPresent() && kills < KILLS);
      if (place.isPresent()) {
        harness.complete(folder);
      }
      KillHarness.assertSameFiles(uninterrupted, folder, "killed in chain " + chain);
    }
  }

  private static long operations(String log) {
    Matcher found = Pattern.compile("file operations: (\\d+)").matcher(log);
    assertTrue(found.find(), () -> "the process must say how many file operations it passed" + log);
    return Long.parseLong(found.group(1));
  }
}
