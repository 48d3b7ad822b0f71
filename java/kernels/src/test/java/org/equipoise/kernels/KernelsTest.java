package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

/** Every op once through plain memory; the formulas are tested on tensors and natively. */
class KernelsTest {
  private static FloatBuffer floats(double... values) {
    FloatBuffer buffer =
        ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.nativeOrder()).asFloatBuffer();
    for (int i = 0; i < values.length; i++) {
      buffer.put(i, (float) values[i]);
    }
    return buffer;
  }

  private static IntBuffer ints(int... values) {
    IntBuffer buffer =
        ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.nativeOrder()).asIntBuffer();
    buffer.put(values).clear();
    return buffer;
  }

  private static ByteBuffer bytes(int... values) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(values.length);
    for (int i = 0; i < values.length; i++) {
      buffer.put(i, (byte) values[i]);
    }
    return buffer;
  }

  private static TensorView view(FloatBuffer buffer, long... shape) {
    return TensorView.of(buffer, DataType.F32, shape);
  }

  private static void same(double[] expected, FloatBuffer found, double tolerance) {
    double[] values = new double[found.capacity()];
    for (int i = 0; i < values.length; i++) {
      values[i] = found.get(i);
    }
    assertArrayEquals(expected, values, tolerance);
  }

  @Test
  void tokenLogProbsForwardAndBackward() {
    FloatBuffer logits = floats(0, Math.log(3), 0, 0);
    FloatBuffer logProbs = floats(9, 9);
    FloatBuffer logSumExp = floats(9, 9);
    FloatBuffer entropy = floats(9, 9);
    FloatBuffer dLogits = floats(9, 9, 9, 9);
    try (TensorView z = view(logits, 2, 2);
        TensorView targets = TensorView.of(ints(1, 0), DataType.I32, 2);
        TensorView l = view(logProbs, 2);
        TensorView lse = view(logSumExp, 2);
        TensorView h = view(entropy, 2);
        TensorView d = view(floats(1, 2), 2);
        TensorView dz = view(dLogits, 2, 2)) {
      TokenLogProbsKernel kernel = TokenLogProbsKernel.defaults();
      kernel.forwardInto(z, null, targets, l, lse, null, h);
      same(new double[] {Math.log(0.75), Math.log(0.5)}, logProbs, 1e-6);
      same(new double[] {Math.log(4), Math.log(2)}, logSumExp, 1e-6);
      same(
          new double[] {-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25), Math.log(2)},
          entropy,
          1e-6);
      kernel.backwardInto(z, null, targets, lse, h, d, null, dz);
      same(new double[] {-0.25, 0.25, 1, -1}, dLogits, 1e-6);
    }
  }

  @Test
  void pairAndPolicyLosses() {
    FloatBuffer loss = floats(9);
    FloatBuffer gradient = floats(9);
    try (TensorView chosen = view(floats(-1), 1, 1);
        TensorView rejected = view(floats(-3), 1, 1);
        TensorView mask = TensorView.of(bytes(1), DataType.BOOL, 1, 1);
        TensorView advantage = view(floats(2), 1);
        TensorView value = view(loss, 1);
        TensorView d = view(gradient, 1, 1)) {
      PairLossKernel.of(PairLossKind.HINGE)
          .beta(0.25)
          .applyInto(
              PairBatch.of(chosen, rejected, mask, mask), value, null, null, null, null, d, null);
      same(new double[] {0.5}, loss, 1e-7);
      same(new double[] {-0.25}, gradient, 1e-7);
      PolicyLossKernel.grpo()
          .applyInto(PolicyBatch.of(chosen, advantage, mask), value, null, null, d, null);
      same(new double[] {-2}, loss, 1e-7);
      same(new double[] {-2}, gradient, 1e-7);
    }
  }

  @Test
  void unpairedLosses() {
    FloatBuffer loss = floats(9);
    FloatBuffer gradient = floats(9, 9);
    ByteBuffer meanBytes = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
    try (TensorView logProbs = view(floats(-1, -3), 2, 1);
        TensorView mask = TensorView.of(bytes(1, 1), DataType.BOOL, 2, 1);
        TensorView labels = TensorView.of(bytes(1, 0), DataType.BOOL, 2);
        TensorView kl = view(floats(0), 1, 1);
        TensorView mean = TensorView.of(meanBytes, DataType.F64, 2);
        TensorView value = view(loss, 1);
        TensorView d = view(gradient, 2, 1)) {
      UnpairedBatch<TensorView> batch = UnpairedBatch.of(logProbs, mask, labels);
      UnpairedLossKernel.kto()
          .beta(1)
          .applyInto(batch.mismatched(kl, null, null), value, null, null, null, null, d);
      double desirable = 1 / (1 + Math.exp(1));
      double undesirable = 1 / (1 + Math.exp(3));
      same(new double[] {(1 - desirable + undesirable) / 2}, loss, 1e-7);
      same(
          new double[] {-desirable * (1 - desirable) / 2, undesirable * (1 - undesirable) / 2},
          gradient,
          1e-7);
      UnpairedLossKernel.bco().beta(1).applyInto(batch, value, null, null, null, mean, null);
      assertEquals(-2, meanBytes.getDouble(0));
      assertEquals(2, meanBytes.getDouble(8));
      same(new double[] {Math.log1p(Math.exp(-1))}, loss, 1e-7);
    }
  }

  @Test
  void groupAdvantages() {
    FloatBuffer advantages = floats(9, 9, 9);
    FloatBuffer mean = floats(9, 9);
    try (TensorView rewards = view(floats(1, 3, 5), 3);
        TensorView offsets = TensorView.of(ints(0, 2, 3), DataType.I32, 3);
        TensorView a = view(advantages, 3);
        TensorView m = view(mean, 2)) {
      GroupAdvantageKernel.drGrpo().applyInto(rewards, null, offsets, null, null, a, m, null, null);
      same(new double[] {-1, 1, 0}, advantages, 0);
      same(new double[] {2, 5}, mean, 0);
    }
  }

  @Test
  void perturbationSteps() {
    FloatBuffer out = floats(9, 9);
    ByteBuffer codes = bytes(9, 9);
    try (TensorView pixels = view(floats(0.5, 0.5), 1, 1, 1, 2);
        TensorView original = view(floats(0.5, 0.5), 1, 1, 1, 2);
        TensorView gradient = view(floats(3, -2), 1, 1, 1, 2);
        TensorView result = view(out, 1, 1, 1, 2);
        TensorView code = TensorView.of(codes, DataType.U8, 1, 1, 1, 2)) {
      LinfStepKernel.defaults()
          .epsilon(0.1)
          .stepSize(0.25)
          .applyInto(pixels, original, gradient, null, result);
      same(new double[] {0.4, 0.6}, out, 1e-7);
      EightBitGridKernel.defaults().applyInto(result, null, null, code);
      assertEquals(102, codes.get(0));
      assertEquals(153, codes.get(1) & 255);
      UniformStartKernel.defaults().epsilon(0.1).applyInto(original, null, result);
      assertTrue(Math.abs(out.get(0) - 0.5) <= 0.1f && out.get(0) != out.get(1));
    }
  }

  @Test
  void optionsAreImmutableAndRemembered() {
    LinfStepKernel step =
        LinfStepKernel.defaults()
            .direction(Direction.ASCEND)
            .epsilon(0.5)
            .pixelSpace(PixelSpace.normalized(new float[] {0.5f}, new float[] {0.25f}));
    assertEquals(8 / 255f, LinfStepKernel.defaults().epsilon());
    assertEquals(0.5f, step.stepSize(0.1).epsilon());
    assertEquals(0.25f, step.abi().pixel_space().std(0));
    assertEquals(1, step.abi().direction());
  }

  @Test
  void refusalsAreSentences() {
    try (TensorView logits = view(floats(0, 0), 1, 2);
        TensorView targets = TensorView.of(ints(5), DataType.I32, 1);
        TensorView out = view(floats(0), 1)) {
      assertEquals(
          "eqp_token_log_probs_forward: targets: expected 0 <= target < 2 or ignore_index -100, found 5 in"
              + " row 0",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      TokenLogProbsKernel.defaults()
                          .forwardInto(logits, null, targets, out, null, null, null))
              .getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> view(floats(1), 2));
    assertThrows(
        IllegalArgumentException.class,
        () -> TensorView.of(FloatBuffer.allocate(1), DataType.F32, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> TensorView.of(new FloatPointer(4).position(1), DataType.F32, 1));
  }

  @Test
  void mixedAndMissingDevicesAreNamed() {
    try (TensorView rewards = view(floats(1, 2), 2);
        TensorView onDevice =
            TensorView.strided(
                new Pointer(floats(0, 0)),
                DataType.F32,
                Device.cuda(1),
                new long[] {2},
                new long[] {1})) {
      GroupAdvantageKernel pairs = GroupAdvantageKernel.trl().groupSize(2);
      assertEquals(
          "eqp_group_advantage: advantages: expected the device of rewards, cpu, found cuda:1",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      pairs.applyInto(rewards, null, null, null, null, onDevice, null, null, null))
              .getMessage());
    }
  }

  @Test
  void aRawAddressIsAsGoodAsABuffer() {
    FloatBuffer rewards = floats(1, 0, 0, 2);
    FloatBuffer expected = floats(0, 0, 0, 0);
    FloatBuffer found = floats(0, 0, 0, 0);
    long from = new FloatPointer(rewards).address();
    long to = new FloatPointer(found).address();
    GroupAdvantageKernel kernel = GroupAdvantageKernel.trl().groupSize(4);
    try (TensorView view = view(rewards, 4);
        TensorView out = view(expected, 4);
        TensorView raw = TensorView.at(from, DataType.F32, Device.CPU, 4);
        TensorView rawOut = TensorView.at(to, DataType.F32, Device.CPU, 4)) {
      kernel.applyInto(view, null, null, null, null, out, null, null, null);
      kernel.applyInto(raw, null, null, null, null, rawOut, null, null, null);
    }
    assertEquals(expected, found);
    assertTrue(found.get(3) > 1);
    assertEquals(
        "expected an address, found 0",
        assertThrows(
                IllegalArgumentException.class, () -> TensorView.at(0, DataType.F32, Device.CPU, 4))
            .getMessage());
  }
}
