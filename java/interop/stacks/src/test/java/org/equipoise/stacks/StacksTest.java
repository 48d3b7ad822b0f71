package org.equipoise.stacks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.GroupAdvantageKernel;
import org.equipoise.kernels.LinfStepKernel;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairLossKernel;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.PolicyLossKernel;
import org.equipoise.kernels.TensorView;
import org.equipoise.kernels.TokenLogProbsKernel;
import org.junit.jupiter.api.Test;

/**
 * One op of each family on DJL's and ONNX Runtime's tensors, against the formula in doubles.
 * Float32 rounds by 6e-8 of a value; these are below 4 and of some ten roundings, exp and log among
 * them: 1e-5, and 1e-6 where nothing but a sum or a step is computed.
 */
class StacksTest {
  private static final float[] LOGITS = {1, 2, 0.5f, -1, 0, 3};
  private static final long[] TARGETS = {2, 0};
  private static final float[] REWARDS = {1, 0, 0, 2};

  private static float[] expectedLogProbs() {
    float[] expected = new float[2];
    for (int row = 0; row < 2; row++) {
      double sum = 0;
      for (int j = 0; j < 3; j++) {
        sum += Math.exp(LOGITS[3 * row + j]);
      }
      expected[row] = (float) (LOGITS[3 * row + (int) TARGETS[row]] - Math.log(sum));
    }
    return expected;
  }

  private static float[] expectedAdvantages() {
    double deviation = Math.sqrt((0.25 * 0.25 + 2 * 0.75 * 0.75 + 1.25 * 1.25) / 3);
    float[] expected = new float[4];
    for (int i = 0; i < 4; i++) {
      expected[i] = (float) ((REWARDS[i] - 0.75) / (deviation + 1e-4));
    }
    return expected;
  }

  @Test
  void djl() {
    try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
      // DJL's own LibTorch has computed before a kernel of ours is loaded, and does afterwards.
      NDArray logits = manager.create(LOGITS, new Shape(2, 3));
      float[] theirs = logits.logSoftmax(1).toFloatArray();
      NDArray targets = manager.create(TARGETS);
      NDArray logProbs =
          DjlTensors.written(
              manager,
              new Shape(2),
              out -> {
                try (TensorView x = DjlTensors.view(logits);
                    TensorView ids = DjlTensors.view(targets)) {
                  TokenLogProbsKernel.defaults().forwardInto(x, null, ids, out, null, null, null);
                }
              });
      assertArrayEquals(expectedLogProbs(), logProbs.toFloatArray(), 1e-5f);
      assertArrayEquals(new float[] {theirs[2], theirs[3]}, logProbs.toFloatArray(), 1e-5f);

      NDArray advantages =
          DjlTensors.written(
              manager,
              new Shape(4),
              out -> {
                try (TensorView rewards = DjlTensors.view(manager.create(REWARDS))) {
                  GroupAdvantageKernel.trl()
                      .groupSize(4)
                      .applyInto(rewards, null, null, null, null, out, null, null, null);
                }
              });
      assertArrayEquals(expectedAdvantages(), advantages.toFloatArray(), 1e-5f);

      NDArray policy = manager.create(new float[] {-1, -2}, new Shape(1, 2));
      NDArray old = manager.create(new float[] {-1.1f, -1}, new Shape(1, 2));
      NDArray mask = manager.create(new boolean[] {true, true}, new Shape(1, 2));
      NDArray loss =
          DjlTensors.written(
              manager,
              new Shape(1),
              out -> {
                try (TensorView p = DjlTensors.view(policy);
                    TensorView o = DjlTensors.view(old);
                    TensorView a = DjlTensors.view(manager.create(new float[] {2}));
                    TensorView m = DjlTensors.view(mask)) {
                  PolicyLossKernel.grpo()
                      .applyInto(PolicyBatch.of(p, a, m).old(o), out, null, null, null, null);
                }
              });
      assertEquals(-(Math.exp(0.1) + Math.exp(-1)), loss.getFloat(0), 1e-5);

      NDArray pair =
          DjlTensors.written(
              manager,
              new Shape(1),
              out -> {
                try (TensorView chosen = DjlTensors.view(policy);
                    TensorView rejected = DjlTensors.view(old);
                    TensorView m = DjlTensors.view(mask)) {
                  PairLossKernel.simPo()
                      .applyInto(
                          PairBatch.of(chosen, rejected, m, m),
                          out,
                          null,
                          null,
                          null,
                          null,
                          null,
                          null);
                }
              });
      // SimPO: -ln sigmoid(beta (mean chosen - mean rejected) - gamma), means over tokens.
      PairLossKernel simPo = PairLossKernel.simPo();
      double margin = simPo.beta() * (-1.5 + 1.05) - simPo.simpoGamma();
      assertEquals(Math.log1p(Math.exp(-margin)), pair.getFloat(0), 1e-5);

      NDArray stepped =
          DjlTensors.written(
              manager,
              new Shape(1, 1, 1, 2),
              out -> {
                try (TensorView pixels =
                        DjlTensors.view(
                            manager.create(new float[] {0.5f, 0.99f}, new Shape(1, 1, 1, 2)));
                    TensorView gradient =
                        DjlTensors.view(
                            manager.create(new float[] {-3, 2}, new Shape(1, 1, 1, 2)))) {
                  LinfStepKernel.defaults()
                      .direction(Direction.ASCEND)
                      .epsilon(0.1)
                      .stepSize(0.02)
                      .applyInto(pixels, pixels, gradient, null, out);
                }
              });
      assertArrayEquals(new float[] {0.48f, 1}, stepped.toFloatArray(), 1e-6f);
      assertArrayEquals(LOGITS, logits.toFloatArray(), "DJL's tensors are as they were");
      assertThrows(
          IllegalArgumentException.class,
          () -> DjlTensors.view(manager.create(new Shape(2), DataType.INT8)));
    }
  }

  @Test
  void onnxRuntime() throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OnnxTensor logits = OnnxTensors.shared(environment, 2, 3);
        OnnxTensor gradient = OnnxTensors.shared(environment, 2, 3);
        OnnxTensor logProbs = OnnxTensors.shared(environment, 2);
        OnnxTensor logSumExp = OnnxTensors.shared(environment, 2);
        OnnxTensor ones = OnnxTensors.shared(environment, 2);
        OnnxTensor targets =
            OnnxTensor.createTensor(environment, LongBuffer.wrap(TARGETS), new long[] {2})) {
      ((FloatBuffer) logits.getBufferRef().orElseThrow()).duplicate().put(LOGITS);
      ((FloatBuffer) ones.getBufferRef().orElseThrow()).duplicate().put(new float[] {1, 1});
      try (TensorView x = OnnxTensors.view(logits);
          TensorView ids = OnnxTensors.view(targets);
          TensorView out = OnnxTensors.view(logProbs);
          TensorView sums = OnnxTensors.view(logSumExp);
          TensorView one = OnnxTensors.view(ones);
          TensorView d = OnnxTensors.view(gradient)) {
        TokenLogProbsKernel kernel = TokenLogProbsKernel.defaults();
        kernel.forwardInto(x, null, ids, out, sums, null, null);
        kernel.backwardInto(x, null, ids, sums, null, one, null, d);
      }
      // What the kernel wrote is in ONNX Runtime's tensors: nothing was copied.
      float[] expected = expectedLogProbs();
      float[] found = new float[2];
      logProbs.getFloatBuffer().get(found);
      assertArrayEquals(expected, found, 1e-5f);
      float[] gradients = new float[6];
      gradient.getFloatBuffer().get(gradients);
      for (int row = 0; row < 2; row++) {
        double sum = 0;
        for (int j = 0; j < 3; j++) {
          sum += gradients[3 * row + j];
        }
        assertEquals(0, sum, 1e-6, "softmax gradients add up to zero");
      }
      assertEquals(1 - Math.exp(expected[0]), gradients[2], 1e-5);
      assertThrows(
          IllegalArgumentException.class,
          () ->
              OnnxTensors.view(
                  OnnxTensor.createTensor(environment, new String[] {"text"}, new long[] {1})));
    }
  }
}
