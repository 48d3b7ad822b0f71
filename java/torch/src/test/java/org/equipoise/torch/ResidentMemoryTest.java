package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The process does not grow, however often the losses are called and differentiated. */
@Tag("resident-memory")
class ResidentMemoryTest {
  private static final int WINDOWS = 10;
  private static final int CALLS =
      Integer.getInteger("equipoise.memory.calls", Proof.count(200_000, 40_000));

  /** Half of the calls lie between the medians of the halves. */
  private static final double BYTES_PER_CALL = 120;

  /** What it grows by itself: 0.3 to 1.4 were measured. */
  private static final double VIRTUAL_MACHINE_MEBIBYTES = 2;

  private static double residentMebibytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("no VmRSS in /proc/self/status");
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
  }

  private static void differentiableStep(Tensor x, Tensor old, Tensor mask, Tensor advantages) {
    try (PointerScope step = new PointerScope()) {
      PolicyLoss.Result result =
          PolicyLoss.grpo().apply(PolicyBatch.of(x, advantages, mask).old(old));
      result.backward();
      TokenLogProbs logProbs = TokenLogProbs.forward(x.detach(), TestTensors.ints(new int[64]));
      logProbs.values().sum().backward();
      logProbs.backward();
    }
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "resident memory is read from /proc")
  void residentMemoryStaysFlatOverManyCalls() throws IOException {
    try (PointerScope scope = new PointerScope()) {
      Tensor x =
          TestTensors.leaf(ScalarType.Float, TestTensors.gaussian(1, 64 * 32, 1, -2), 64, 32);
      Tensor old = x.detach().clone();
      Tensor mask = torch.ones(64, 32).to(ScalarType.Bool);
      Tensor advantages = TestTensors.of(ScalarType.Float, TestTensors.gaussian(2, 64, 1, 0), 64);
      List<Double> mebibytes = new ArrayList<>();
      for (int window = 0; window < WINDOWS; window++) {
        for (int i = 0; i < CALLS / WINDOWS; i++) {
          differentiableStep(x, old, mask, advantages);
        }
        mebibytes.add(residentMebibytes());
      }
      System.out.printf("resident MiB after every %d calls: %s%n", CALLS / WINDOWS, mebibytes);
      // The median of each half: what the virtual machine takes once, early, or for a while does
      // not count; what a leak takes again and again does.
      double early = median(mebibytes.subList(0, WINDOWS / 2));
      double late = median(mebibytes.subList(WINDOWS / 2, WINDOWS));
      double allowed = VIRTUAL_MACHINE_MEBIBYTES + BYTES_PER_CALL * (CALLS / 2) / (1 << 20);
      assertTrue(late - early <= allowed, "resident MiB over the calls: " + mebibytes);
    }
  }
}
