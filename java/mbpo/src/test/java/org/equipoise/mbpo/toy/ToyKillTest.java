package org.equipoise.mbpo.toy;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.run.KillHarness;
import org.equipoise.mbpo.storage.FaultPoints;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real training and mining, killed at file operations, end with the files of a run left alone. */
class ToyKillTest {
  private static final int KILLS = Proof.count(8, 3);

  @TempDir Path temporary;

  @Test
  void killedTrainingAndMiningEndTheSame() throws Exception {
    KillHarness harness =
        new KillHarness(temporary, List.of("-Xmx256m"), List.of(ToyPipeline.class.getName()));
    Path uninterrupted = temporary.resolve("uninterrupted");
    long before = FaultPoints.passed();
    ToyPipeline.run(uninterrupted);
    long operations = FaultPoints.passed() - before;
    assertTrue(operations > 100, "too few file operations to choose from: " + operations);
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < KILLS; i++) {
      Path folder = temporary.resolve("killed-" + i);
      // One kill in each part of the run, so that every stage is hit.
      long operation = 1 + (i * operations + random.nextLong(operations)) / KILLS;
      String place = harness.dieAt(folder, operation).orElse("not killed");
      ToyPipeline.run(folder);
      KillHarness.assertSameFiles(uninterrupted, folder, place + " at operation " + operation);
    }
  }
}
