package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Native memory that a step takes is given back at its end: the process does not grow over many
 * steps of online training, which generates, rewards and updates in each.
 */
@Tag("resident-memory")
class ResidentMemoryTest {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final int WINDOWS = 8;
  private static final int STEPS = Proof.count(2000, 800);

  /** Half of the steps lie between the medians of the halves. */
  private static final double KIBIBYTES_PER_STEP = 10;

  private static final double VIRTUAL_MACHINE_KIBIBYTES = 4096;

  @Test
  void residentMemoryStaysFlat() {
    assumeTrue(Files.exists(STATUS), "resident memory is read from /proc, which only Linux has");
    Equipoise.threads(1);
    HybridGrpoOptions options =
        HybridGrpoOptions.defaults()
            .withOptimizer(OptimizerOptions.adamW(1e-4))
            .withIterations(STEPS)
            .withUpdatesPerIteration(1)
            .withOffline(OfflineOptions.defaults().withPairsPerIteration(0))
            .withOnline(
                OnlineOptions.defaults()
                    .withPromptsPerIteration(1)
                    .withGroupSize(3)
                    .withMaxGroups(1)
                    .withKeepZeroVariance(true)
                    .withTemperature(1)
                    .withMaxNewTokens(2));
    List<Long> kibibytes = new ArrayList<>();
    try (ToyModel model = new ToyModel(1)) {
      new HybridGrpoTrainer(options, VerifiedReward.formatAndAccuracy(ToyTask.VERIFIER))
          .train(
              model,
              List.of(),
              ToyTask.samples("m", 30, 0.5, 1),
              TrainingContext.defaults()
                  .withOnStep(
                      step -> {
                        if ((step.step() + 1) % (STEPS / WINDOWS) == 0) {
                          kibibytes.add(residentKibibytes());
                        }
                      }));
    }
    String found = "resident KiB at every " + STEPS / WINDOWS + " steps: " + kibibytes;
    System.out.println(found);
    // The median of each half: what the virtual machine takes once, early, or for a while does not
    // count; what a leak takes again and again does.
    int half = kibibytes.size() / 2;
    long early = median(kibibytes.subList(0, half));
    long late = median(kibibytes.subList(half, kibibytes.size()));
    assertTrue(late - early <= VIRTUAL_MACHINE_KIBIBYTES + KIBIBYTES_PER_STEP * (STEPS / 2), found);
  }

  private static long median(List<Long> values) {
    return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
  }

  private static long residentKibibytes() {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElseThrow();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
