package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The logits' budget, as the process's peak of resident memory shows it. */
@Tag("resident-memory")
class FusedLinearMemoryTest {
  private static final long TOKENS = Proof.count(1024, 512);
  private static final long HIDDEN = 16;
  private static final long VOCAB = 65_536;
  private static final double ALL_LOGITS =
      TOKENS * VOCAB * 4 / (double) (1 << 20); // 128 or 256 MiB

  /** The weight's gradient twice, once from autograd; what allocators and the JVM round up to. */
  private static final double BESIDE = 2 * VOCAB * HIDDEN * 4 / (double) (1 << 20) + 24;

  private static double mebibytes(String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(name + ":")) {
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("no " + name + " in /proc/self/status");
  }

  private static double peak(Supplier<FusedLoss<?>> call) throws IOException {
    try (PointerScope scope = new PointerScope()) {
      call.get().backward(); // what is loaded and compiled once
    }
    Files.writeString(Path.of("/proc/self/clear_refs"), "5"); // the peak begins anew
    double before = mebibytes("VmRSS");
    try (PointerScope scope = new PointerScope()) {
      call.get().backward();
    }
    return mebibytes("VmHWM") - before;
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "resident memory is read from /proc")
  void noMoreLogitsThanTheBudgetAreEverHeld() throws IOException {
    try (PointerScope scope = new PointerScope()) {
      Tensor weight = torch.randn(VOCAB, HIDDEN).set_requires_grad(true);
      Tensor hidden = torch.randn(TOKENS, HIDDEN).set_requires_grad(true);
      Tensor targets = torch.randint(VOCAB, new long[] {TOKENS}).to(ScalarType.Long);
      for (long budget : new long[] {8, 32}) {
        FusedLinear head = FusedLinear.head(weight).logitBudget(budget << 20);
        ScalarLossOf mean = p -> () -> p.values().mean().mul(new Scalar(-1.0));
        double pair = peak(() -> head.loss(hidden, targets, mean::of));
        double token = peak(() -> head.tokenLoss(hidden, targets, mean::of));
        System.out.printf(
            "budget %d MiB: peak of loss %.1f, of tokenLoss %.1f MiB; all logits %.0f MiB%n",
            budget, pair, token, ALL_LOGITS);
        assertTrue(pair <= budget + BESIDE, "loss: " + pair);
        assertTrue(token <= budget + BESIDE, "tokenLoss: " + token);
      }
    }
  }

  private interface ScalarLossOf {
    ScalarLoss of(FusedLogProbs logProbs);
  }
}
