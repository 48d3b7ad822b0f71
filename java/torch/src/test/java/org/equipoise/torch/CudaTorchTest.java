package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The ops on tensors of a real CUDA device against the same calls on the CPU. Needs the GPU flavour
 * of LibTorch and a device; without them every test fails and says so.
 */
@Tag("cuda-torch")
class CudaTorchTest {
  private static final int ROWS = 5;
  private static final int VOCAB = 1501;

  /**
   * Twice the bound of a float sum of 1501 terms, (8 + 3 sqrt 1501) 2^-24 = 7.4e-6, because both
   * backends have it, and a few roundings of values near 10.
   */
  private static final double FLOAT = 2e-5;

  private PointerScope scope;

  @BeforeAll
  static void loadCuda() {
    try {
      Class.forName("org.bytedeco.pytorch.global.torch_cuda");
    } catch (ClassNotFoundException | LinkageError | TypeNotPresentException absent) {
      fail(
          "expected the GPU flavour of LibTorch (classifier linux-x86_64-gpu) and the CUDA"
              + " libraries on the class path, found: "
              + absent);
    }
    if (!torch.cuda_is_available()) {
      fail("expected a CUDA device; " + Equipoise.info());
    }
  }

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static void assertClose(Tensor expected, Tensor found, double tolerance) {
    assertTrue(found.is_cuda(), "expected a result on the device of its inputs");
    assertArrayEquals(TestTensors.doubles(expected), TestTensors.doubles(found.cpu()), tolerance);
  }

  private static Tensor logits(ScalarType type) {
    return TestTensors.of(type, TestTensors.gaussian(5, ROWS * VOCAB, 2, 0), ROWS, VOCAB);
  }

  @Test
  void logProbsAndTheirGradient() {
    Tensor targets = TestTensors.longs(new long[] {3, -100, 0, VOCAB - 1, 700});
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Tensor logits = logits(type);
      TokenLogProbsOptions options = TokenLogProbsOptions.defaults().entropy(true);
      TokenLogProbs cpu = TokenLogProbs.forward(options, logits, targets);
      TokenLogProbs cuda = TokenLogProbs.forward(options, logits.cuda(), targets.cuda());
      assertClose(cpu.values(), cuda.values(), FLOAT);
      assertClose(cpu.entropy(), cuda.entropy(), FLOAT);
      cpu.values().sum().add(cpu.entropy().sum()).backward();
      cuda.values().sum().add(cuda.entropy().sum()).backward();
      assertClose(cpu.backward(), cuda.backward(), type == ScalarType.Float ? FLOAT : 0x1p-8);
    }
    Equipoise.checkData();
  }

  @Test
  void halfPrecisionLogProbs() {
    Tensor targets = TestTensors.longs(new long[] {3, -100, 0, VOCAB - 1, 700});
    Tensor half = logits(ScalarType.Half);
    Tensor expected = TokenLogProbs.forward(half.to(ScalarType.Float), targets).values();
    assertClose(expected, TokenLogProbs.forward(half.cuda(), targets.cuda()).values(), FLOAT);
  }

  @Test
  void lossesAdvantagesAndTheirGradients() {
    Tensor mask = TestTensors.mask(new int[] {1, 1, 0, 1, 1, 1, 0, 1}, 2, 4);
    double[] chosen = TestTensors.gaussian(1, 8, 1, -2);
    double[] rejected = TestTensors.gaussian(2, 8, 1, -3);
    Tensor[][] inputs = new Tensor[2][];
    for (int device = 0; device < 2; device++) {
      Tensor c = TestTensors.of(ScalarType.Float, chosen, 2, 4);
      Tensor r = TestTensors.of(ScalarType.Float, rejected, 2, 4);
      inputs[device] =
          device == 0 ? new Tensor[] {c, r, mask} : new Tensor[] {c.cuda(), r.cuda(), mask.cuda()};
    }
    Tensor[] gradients = new Tensor[2];
    Tensor[] losses = new Tensor[2];
    for (int device = 0; device < 2; device++) {
      Tensor c = inputs[device][0].detach().set_requires_grad(true);
      Tensor r = inputs[device][1];
      Tensor m = inputs[device][2];
      PairLoss.Result pair = PairLoss.sigmoid().beta(0.3).apply(PairBatch.of(c, r, m, m));
      Tensor rewards = r.sum(1).detach();
      Tensor advantages = GroupAdvantage.trl().apply(rewards, 2);
      PolicyLoss.Result policy =
          PolicyLoss.grpo().klBeta(0.1).apply(PolicyBatch.of(c, advantages, m).old(r).reference(r));
      losses[device] = pair.loss().add(policy.loss());
      losses[device].backward();
      gradients[device] = c.grad();
    }
    assertEquals(TestTensors.scalar(losses[0]), TestTensors.scalar(losses[1].cpu()), FLOAT);
    assertClose(gradients[0], gradients[1], FLOAT);
  }

  @Test
  void unpairedLossAndItsGradient() {
    Tensor mask = TestTensors.mask(new int[] {1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1}, 3, 4);
    Tensor desirable = TestTensors.mask(new int[] {1, 0, 1}, 3);
    Tensor policy = TestTensors.of(ScalarType.Float, TestTensors.gaussian(3, 12, 1, -2), 3, 4);
    Tensor reference = TestTensors.of(ScalarType.Float, TestTensors.gaussian(4, 12, 1, -2), 3, 4);
    Tensor cpu = policy.detach().set_requires_grad(true);
    Tensor cuda = policy.cuda().detach().set_requires_grad(true);
    UnpairedLoss loss = UnpairedLoss.apoZeroUnpaired().beta(0.3);
    UnpairedLoss.Result expected =
        loss.apply(UnpairedBatch.of(cpu, mask, desirable).reference(reference));
    UnpairedLoss.Result found =
        loss.apply(
            UnpairedBatch.of(cuda, mask.cuda(), desirable.cuda()).reference(reference.cuda()));
    expected.backward();
    found.backward();
    assertEquals(
        TestTensors.scalar(expected.loss()), TestTensors.scalar(found.loss().cpu()), FLOAT);
    assertClose(cpu.grad(), cuda.grad(), FLOAT);
  }

  @Test
  void perturbationsHaveTheBitsOfTheCpu() {
    int count = 2 * 3 * 33 * 35;
    double[] values = new double[count];
    java.util.Random random = new java.util.Random(8);
    for (int k = 0; k < count; k++) {
      values[k] = random.nextDouble();
    }
    Tensor original = TestTensors.of(ScalarType.Float, values, 2, 3, 33, 35);
    Tensor gradient =
        TestTensors.of(ScalarType.Float, TestTensors.gaussian(9, count, 1, 0), 2, 3, 33, 35);
    Tensor start = UniformStart.defaults().seed(7).apply(original);
    assertClose(start, UniformStart.defaults().seed(7).apply(original.cuda()), 0);
    Tensor step = LinfStep.defaults().apply(start, original, gradient);
    Tensor cudaStep = LinfStep.defaults().apply(start.cuda(), original.cuda(), gradient.cuda());
    assertClose(step, cudaStep, 0);
    assertClose(
        EightBitGrid.defaults().epsilon(8 / 255.0).apply(step, original),
        EightBitGrid.defaults().epsilon(8 / 255.0).apply(cudaStep, original.cuda()),
        1e-7);
  }

  @Test
  void errorsInDataAreReportedOnceByTheCheck() {
    Tensor logits = logits(ScalarType.Float).cuda();
    Tensor targets = TestTensors.longs(new long[] {3, -100, VOCAB, 1, 700}).cuda();
    TokenLogProbs bad = TokenLogProbs.forward(logits, targets);
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, Equipoise::checkData);
    assertTrue(error.getMessage().contains("targets") && error.getMessage().contains("row 2"));
    double[] values = TestTensors.doubles(bad.values().cpu());
    assertTrue(Double.isNaN(values[2]) && !Double.isNaN(values[0]));
    Equipoise.checkData();
  }

  @Test
  void errorsInDataSurviveAnOpThatNeedsMoreMemory() {
    Tensor targets = TestTensors.longs(new long[] {3, -100, VOCAB, 1, 700}).cuda();
    TokenLogProbs.forward(logits(ScalarType.Float).cuda(), targets);
    int pairs = 20_000;
    Tensor answers =
        TestTensors.of(ScalarType.Float, TestTensors.gaussian(3, 2 * pairs, 1, -2), pairs, 2)
            .cuda();
    int[] all = new int[2 * pairs];
    Arrays.fill(all, 1);
    Tensor mask = TestTensors.mask(all, pairs, 2).cuda();
    PairLoss.aot().apply(PairBatch.of(answers, answers, mask, mask).reference(answers, answers));
    assertThrows(IllegalArgumentException.class, Equipoise::checkData);
    Equipoise.checkData();
  }

  @Test
  void mixedDevicesAreRefused() {
    Tensor targets = TestTensors.longs(new long[] {3, -100, 0, 1, 700});
    IllegalArgumentException error =
        assertThrows(
            IllegalArgumentException.class,
            () -> TokenLogProbs.forward(logits(ScalarType.Float).cuda(), targets));
    assertTrue(error.getMessage().contains("targets"), error.getMessage());
    assertTrue(error.getMessage().contains("cuda:0"), error.getMessage());
  }
}
