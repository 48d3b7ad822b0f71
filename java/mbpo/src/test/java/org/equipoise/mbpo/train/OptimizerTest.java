package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.Test;

class OptimizerTest {

  /** LibTorch's own AdamW as the oracle, on a matrix with weight decay; vectors never decay. */
  @Test
  void stepsEqualLibTorchs() {
    try (PointerScope scope = new PointerScope()) {
      float[] values = {0.5f, -1, 2, 0.01f, -0.3f, 4};
      Tensor ours = HostTensors.floats(values, 2, 3).set_requires_grad(true);
      Tensor theirs = HostTensors.floats(values, 2, 3).set_requires_grad(true);
      OptimizerOptions options =
          new OptimizerOptions(0.1, 0.9, 0.999, 1e-8, 0.01, 0, 0, Schedule.CONSTANT, 1);
      AdamWOptions oracleOptions = new AdamWOptions(0.1);
      oracleOptions.eps().put(1e-8);
      oracleOptions.weight_decay().put(0.01);
      var oracle = new org.bytedeco.pytorch.AdamW(new TensorVector(theirs), oracleOptions);
      try (AdamW optimizer = new AdamW(options, Map.of("weight", ours))) {
        for (int step = 0; step < 25; step++) {
          optimizer.zeroGradients();
          oracle.zero_grad();
          loss(ours, step).backward();
          loss(theirs, step).backward();
          optimizer.step(step, 0.1);
          oracle.step();
        }
      }
      assertArrayEquals(HostTensors.toFloats(theirs), HostTensors.toFloats(ours), 2e-6f);
    }
  }

  private static Tensor loss(Tensor x, int step) {
    return x.mul(x).mul(x).sin().sum().mul(new Scalar(1 + step % 3));
  }

  @Test
  void vectorsDoNotDecayAndUntouchedTensorsStay() {
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> parameters = new LinkedHashMap<>();
      parameters.put("bias", HostTensors.floats(new float[] {3}, 1).set_requires_grad(true));
      parameters.put("weight", HostTensors.floats(new float[] {3}, 1, 1).set_requires_grad(true));
      parameters.put("unused", HostTensors.floats(new float[] {3}, 1, 1).set_requires_grad(true));
      OptimizerOptions options = OptimizerOptions.adamW(0.1).withWeightDecay(0.5);
      try (AdamW optimizer = new AdamW(options, parameters)) {
        parameters.get("bias").mul(new Scalar(0.0)).sum().backward();
        parameters.get("weight").mul(new Scalar(0.0)).sum().backward();
        optimizer.step(0, 0.1);
      }
      assertEquals(3, parameters.get("bias").item_float());
      assertEquals(3 * (1 - 0.1 * 0.5), parameters.get("weight").item_float(), 1e-6);
      assertEquals(3, parameters.get("unused").item_float());
    }
  }

  @Test
  void clippingScalesTheGlobalNorm() {
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> parameters = new LinkedHashMap<>();
      parameters.put("a", HostTensors.floats(new float[] {0}, 1).set_requires_grad(true));
      parameters.put("b", HostTensors.floats(new float[] {0}, 1).set_requires_grad(true));
      try (AdamW optimizer = new AdamW(OptimizerOptions.adamW(1).withGradientClip(1), parameters)) {
        parameters.get("a").mul(new Scalar(3.0)).sum().backward();
        parameters.get("b").mul(new Scalar(4.0)).sum().backward();
        assertEquals(5, optimizer.clipGradients(), 1e-5);
        assertEquals(0.6, parameters.get("a").grad().item_float(), 1e-5);
        assertEquals(0.8, parameters.get("b").grad().item_float(), 1e-5);
      }
    }
  }

  @Test
  void scheduleWarmsUpAndDecays() {
    OptimizerOptions cosine =
        OptimizerOptions.adamW(1)
            .withWarmUpSteps(10)
            .withSchedule(Schedule.COSINE)
            .withFinalFraction(0.3);
    assertEquals(0.1, cosine.rate(0, 110), 1e-12);
    assertEquals(1, cosine.rate(9, 110), 1e-12);
    assertEquals(1, cosine.rate(10, 110), 1e-12);
    assertEquals(0.65, cosine.rate(60, 110), 1e-12);
    assertEquals(0.3, cosine.rate(110, 110), 1e-12);
    OptimizerOptions linear = cosine.withSchedule(Schedule.LINEAR).withFinalFraction(0.3);
    assertEquals(0.825, linear.rate(35, 110), 1e-12);
    assertEquals(
        1, cosine.withSchedule(Schedule.CONSTANT).withFinalFraction(0).rate(100, 110), 1e-12);
  }
}
