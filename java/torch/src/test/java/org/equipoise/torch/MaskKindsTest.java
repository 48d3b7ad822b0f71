package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every mask, flag and label comes as bool or as bytes of which those that are not 0 count. */
class MaskKindsTest {
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor bytes(Tensor mask) {
    return mask.to(ScalarType.Byte).mul(new Scalar(3));
  }

  private static double[] both(Tensor loss, Tensor leaf) {
    loss.backward();
    double[] gradient = TestTensors.doubles(leaf.grad());
    double[] all = Arrays.copyOf(gradient, gradient.length + 1);
    all[gradient.length] = TestTensors.scalar(loss);
    return all;
  }

  private static Tensor leaf() {
    return TestTensors.leaf(ScalarType.Float, TestTensors.gaussian(1, 8, 1, -2), 2, 4);
  }

  /** By argument: what comes out of a mask [2, 4], flags [2] made of it, or pixels [1, 1, 2, 4]. */
  private static Map<String, Function<Tensor, double[]>> arguments() {
    Tensor x = TestTensors.of(ScalarType.Float, TestTensors.gaussian(2, 8, 1, -2), 2, 4);
    Tensor ones = torch.ones(2, 4).to(ScalarType.Bool);
    Tensor advantages = TestTensors.of(ScalarType.Float, new double[] {1, -2}, 2);
    Tensor pixels = torch.sigmoid(x).view(1, 1, 2, 4);
    Tensor moved = torch.sigmoid(x.mul(new Scalar(1.1))).view(1, 1, 2, 4);
    Map<String, Function<Tensor, double[]>> all = new LinkedHashMap<>();
    all.put(
        "PairBatch.chosenMask",
        mask -> {
          Tensor lp = leaf();
          return both(PairLoss.sigmoid().apply(PairBatch.of(lp, x, mask, ones)).loss(), lp);
        });
    all.put(
        "PairBatch.rejectedMask",
        mask -> {
          Tensor lp = leaf();
          return both(PairLoss.sigmoid().apply(PairBatch.of(x, lp, ones, mask)).loss(), lp);
        });
    all.put(
        "PolicyBatch.mask",
        mask -> {
          Tensor lp = leaf();
          return both(PolicyLoss.grpo().apply(PolicyBatch.of(lp, advantages, mask)).loss(), lp);
        });
    all.put(
        "PolicyBatch.truncated",
        mask -> {
          Tensor lp = leaf();
          Tensor flags = mask.select(1, 3).clone();
          return both(
              PolicyLoss.grpo().apply(PolicyBatch.of(lp, advantages, ones).truncated(flags)).loss(),
              lp);
        });
    all.put(
        "UnpairedBatch.mask",
        mask -> {
          Tensor lp = leaf();
          Tensor labels = ones.select(1, 0).clone();
          return both(UnpairedLoss.bco().apply(UnpairedBatch.of(lp, mask, labels)).loss(), lp);
        });
    all.put(
        "UnpairedBatch.labels",
        mask -> {
          Tensor lp = leaf();
          Tensor labels = mask.select(1, 3).clone();
          return both(UnpairedLoss.bco().apply(UnpairedBatch.of(lp, ones, labels)).loss(), lp);
        });
    all.put(
        "UnpairedBatch.mismatchedMask",
        mask -> {
          Tensor lp = leaf();
          Tensor labels = ones.select(1, 0).clone();
          UnpairedBatch<Tensor> batch =
              UnpairedBatch.of(lp, ones, labels).mismatched(x.neg(), null, mask);
          return both(UnpairedLoss.kto().apply(batch).loss(), lp);
        });
    all.put("WpoWeights.mask", mask -> TestTensors.doubles(WpoWeights.of(x, x.neg(), x, mask)));
    all.put(
        "DensityRatioWeights.labels",
        mask ->
            TestTensors.doubles(
                DensityRatioWeights.of(
                    TestTensors.of(ScalarType.Float, new double[] {.7, .6}, 2),
                    mask.select(1, 3).clone())));
    all.put(
        "EntropyThreshold.mask",
        mask -> TestTensors.doubles(EntropyThreshold.ofTop(0.3, x.neg(), mask)));
    all.put(
        "LinfStep.mask",
        mask -> {
          Tensor out = new Tensor();
          LinfStep.defaults()
              .applyInto(moved, pixels, moved, null, null, mask.view(1, 1, 2, 4), null, null, out);
          return TestTensors.doubles(out);
        });
    all.put(
        "L2Step.mask",
        mask -> {
          Tensor out = new Tensor();
          L2Step.defaults().applyInto(moved, pixels, moved, mask.view(1, 1, 2, 4), null, null, out);
          return TestTensors.doubles(out);
        });
    all.put(
        "UniformStart.mask",
        mask -> {
          Tensor out = new Tensor();
          UniformStart.defaults().applyInto(pixels, null, mask.view(1, 1, 2, 4), null, out);
          return TestTensors.doubles(out);
        });
    all.put(
        "ImageNorms.mask",
        mask -> {
          Tensor out = new Tensor();
          ImageNorms.defaults().applyInto(pixels, null, mask.view(1, 1, 2, 4), null, out);
          return TestTensors.doubles(out);
        });
    all.put(
        "PixelBatch.mask",
        mask ->
            TestTensors.doubles(
                Pgd.bim()
                    .minimise(
                        images -> images.sum(), PixelBatch.of(pixels).mask(mask.view(1, 1, 2, 4)))
                    .adversarial()));
    return all;
  }

  @Test
  void boolAndBytesAreTheSame() {
    Tensor mask = TestTensors.mask(new int[] {1, 0, 1, 1, 1, 1, 1, 0}, 2, 4);
    Tensor whole = torch.ones(2, 4).to(ScalarType.Bool);
    arguments()
        .forEach(
            (name, use) -> {
              double[] expected = use.apply(mask);
              assertArrayEquals(expected, use.apply(bytes(mask)), name);
              assertFalse(Arrays.equals(expected, use.apply(whole)), name + " does not matter");
            });
  }
}
