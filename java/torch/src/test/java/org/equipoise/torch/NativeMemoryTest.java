package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.junit.jupiter.api.Test;

/** Native memory belongs to whom it should, also while the collector runs. */
class NativeMemoryTest {
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
      for (int round = 0; round < Proof.count(12, 5); round++) {
        // No scope and no variable holds the inputs: only the running call does.
        Tensor logProbs = new Tensor();
        TokenLogProbs.forwardInto(
            TokenLogProbsOptions.defaults().temperature(2),
            torch
                .arange(new org.bytedeco.pytorch.Scalar(6_000_000f))
                .fmod(new org.bytedeco.pytorch.Scalar(17f))
                .view(2000, 3000),
            null,
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
          TestTensors.scalar(
              loss.apply(PolicyBatch.of(x, advantage, mask).reference(reference)).loss()),
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
