package org.equipoise.mbpo.demo;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.run.KillHarness;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The real pipeline, killed again and again in the same folder: mining, trainings with their
 * checkpoints, evaluation and report go on where the process before them died, and end with the
 * very files of a run that nobody killed.
 */
class DemoKillTest {
  /** A chain of five covers the run about once: each goes on for a quarter of it on average. */
  private static final int KILLS = Proof.count(20, 5);

  private static final long SEED = 3;

  @TempDir Path temporary;

  @Test
  void killedAgainAndAgainItEndsWithTheSameFiles() throws Exception {
    KillHarness harness =
        new KillHarness(
            temporary,
            List.of(
                "-Xmx256m",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"),
            List.of(TinyDemo.class.getName()));
    TinyDemo.Whole uninterrupted = TinyDemo.whole();
    SplittableRandom random = new SplittableRandom(SEED);
    int kills = 0;
    for (int chain = 0; kills < KILLS; chain++) {
      Path folder = temporary.resolve("killed-" + chain);
      Optional<String> place;
      do {
        // Far enough to get past a checkpoint, the longest write: otherwise no process gets on.
        place = harness.dieAt(folder, 1 + random.nextLong(uninterrupted.operations() / 2));
        kills += place.isPresent() ? 1 : 0;
      } while (place.isPresent() && kills < KILLS);
      if (place.isPresent()) {
        TinyDemo.run(folder, 2, DemoPlan.main(TinyDemo.CONFIG));
      }
      KillHarness.assertSameFiles(uninterrupted.folder(), folder, "killed in chain " + chain);
    }
  }
}
