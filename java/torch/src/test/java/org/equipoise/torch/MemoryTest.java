package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class MemoryTest {
  /** The full figure of 200 000 calls: -Dequipoise.memory.calls=200000. */
  private static final int CALLS = Integer.getInteger("equipoise.memory.calls", 20_000);

  private static double residentMegabytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("no VmRSS in /proc/self/status");
  }

  private static void differentiableStep(Tensor x, Tensor old, Tensor mask, Tensor advantages) {
    try (PointerScope step = new PointerScope()) {
      PolicyLoss.Result result = PolicyLoss.grpo().apply(x, old, null, advantages, mask);
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
      // As many calls to warm up: the compiler's memory and the heap have grown to their size by
      // then,
      // while a leak goes on growing.
      for (int i = 0; i < CALLS; i++) {
        differentiableStep(x, old, mask, advantages);
      }
      System.gc();
      double before = residentMegabytes();
      for (int i = 0; i < CALLS; i++) {
        differentiableStep(x, old, mask, advantages);
      }
      System.gc();
      double after = residentMegabytes();
      System.out.printf("resident memory over %d calls: %.1f -> %.1f MiB%n", CALLS, before, after);
      assertTrue(after <= before * 1.05, "grew from " + before + " to " + after + " MiB");
    }
  }

  /**
   * While the collector runs without pause, calls on temporaries must keep their arguments alive.
   */
  @Test
  void theCollectorDoesNotFreeArgumentsOfRunningCalls() throws InterruptedException {
    AtomicBoolean running = new AtomicBoolean(true);
    Thread collector =
        new Thread(
            () -> {
              while (running.get()) {
                System.gc();
              }
            });
    collector.start();
    try {
      double[] expected = null;
      for (int round = 0; round < 12; round++) {
        // No scope and no variable holds the inputs: only the running call does.
        Tensor logProbs = new Tensor();
        TokenLogProbs.forwardInto(
            TokenLogProbsOptions.defaults().temperature(2),
            torch
                .arange(new org.bytedeco.pytorch.Scalar(6_000_000f))
                .fmod(new org.bytedeco.pytorch.Scalar(17f))
                .view(2000, 3000),
            torch.arange(new org.bytedeco.pytorch.Scalar(2000)).to(ScalarType.Long),
            logProbs,
            new Tensor(),
            null,
            null);
        double[] found = TestTensors.doubles(logProbs);
        if (expected == null) {
          expected = found;
        }
        assertArrayEquals(expected, found, "round " + round);
      }
      assertEquals(2000, expected.length);
    } finally {
      running.set(false);
      collector.join();
    }
  }

  /** Options made inside a scope outlive it: their native memory belongs to the Java object. */
  @Test
  void optionsOutliveTheScopeTheyWereMadeIn() {
    PolicyLoss loss;
    TokenLogProbsOptions options;
    try (PointerScope scope = new PointerScope()) {
      loss = PolicyLoss.grpo().epsilon(0.1, 0.3).klBeta(0.5);
      options = TokenLogProbsOptions.defaults().temperature(2);
    }
    try (PointerScope scope = new PointerScope()) {
      Tensor x = TestTensors.of(ScalarType.Double, new double[] {-1}, 1, 1);
      Tensor reference = TestTensors.of(ScalarType.Double, new double[] {-2}, 1, 1);
      Tensor advantage = TestTensors.of(ScalarType.Double, new double[] {1}, 1);
      Tensor mask = torch.ones(1, 1).to(ScalarType.Bool);
      double k3 = Math.exp(-1) + 1 - 1;
      assertEquals(
          -1 + 0.5 * k3,
          TestTensors.scalar(loss.apply(x, null, reference, advantage, mask).loss()),
          1e-14);
      Tensor logits = TestTensors.of(ScalarType.Float, new double[] {2, 0}, 1, 2);
      assertEquals(
          -Math.log1p(Math.exp(-1)),
          TestTensors.scalar(
              TokenLogProbs.forward(options, logits, TestTensors.ints(new int[] {0})).values()),
          1e-6);
    }
  }
}
