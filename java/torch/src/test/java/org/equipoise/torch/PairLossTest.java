package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.function.ToDoubleFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairLossKind;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PairLossTest {
  private static final int PAIRS = 3;
  private static final int CHOSEN = 4;
  private static final int REJECTED = 2;
  private static final double BETA = 0.4;
  private static final int[] MASK_CHOSEN = {1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0};
  private static final int[] MASK_REJECTED = {1, 1, 1, 0, 0, 0};

  private final double[] chosen = TestTensors.gaussian(1, PAIRS * CHOSEN, 1, -2);
  private final double[] rejected = TestTensors.gaussian(2, PAIRS * REJECTED, 1, -2);
  private final double[] referenceChosen = TestTensors.gaussian(3, PAIRS * CHOSEN, 1, -2);
  private final double[] referenceRejected = TestTensors.gaussian(4, PAIRS * REJECTED, 1, -2);
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static PairLoss loss(PairLossKind kind) {
    PairLoss loss = PairLoss.of(kind).beta(BETA);
    return kind == PairLossKind.SIGMOID ? loss.labelSmoothing(0.1) : loss;
  }

  private static double logSigmoid(double x) {
    return -Math.log1p(Math.exp(-x));
  }

  private static double[] sums(double[] values, double[] reference, int[] mask, int tokens) {
    double[] sums = new double[PAIRS];
    for (int k = 0; k < values.length; k++) {
      sums[k / tokens] += mask[k] * (values[k] - (reference == null ? 0 : reference[k]));
    }
    return sums;
  }

  private static double length(int[] mask, int pair, int tokens) {
    double length = 0;
    for (int t = 0; t < tokens; t++) {
      length += mask[pair * tokens + t];
    }
    return Math.max(1, length);
  }

  private double formula(PairLossKind kind, double[] c, double[] r) {
    double[] dc = sums(c, referenceChosen, MASK_CHOSEN, CHOSEN);
    double[] dr = sums(r, referenceRejected, MASK_REJECTED, REJECTED);
    double sum = 0;
    for (int i = 0; i < PAIRS; i++) {
      double z = BETA * (dc[i] - dr[i]);
      double distance =
          dc[i] / length(MASK_CHOSEN, i, CHOSEN)
              - dr[i] / length(MASK_REJECTED, i, REJECTED)
              - 1 / (2 * BETA);
      sum +=
          switch (kind) {
            case SIGMOID -> -0.9 * logSigmoid(z) - 0.1 * logSigmoid(-z);
            case IPO -> distance * distance;
            case HINGE -> Math.max(0, 1 - z);
          };
    }
    return sum / PAIRS;
  }

  private PairLoss.Result apply(PairLoss loss, Tensor c, Tensor r, ScalarType type) {
    return loss.apply(
        c,
        r,
        TestTensors.of(type, referenceChosen, PAIRS, CHOSEN),
        TestTensors.of(type, referenceRejected, PAIRS, REJECTED),
        TestTensors.mask(MASK_CHOSEN, PAIRS, CHOSEN),
        TestTensors.mask(MASK_REJECTED, PAIRS, REJECTED));
  }

  @ParameterizedTest
  @EnumSource(PairLossKind.class)
  void valueAndBothGradientsInDoublePrecisionEqualTheFormula(PairLossKind kind) {
    Tensor c = TestTensors.leaf(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Double, rejected, PAIRS, REJECTED);
    PairLoss.Result result = apply(loss(kind), c, r, ScalarType.Double);
    assertEquals(formula(kind, chosen, rejected), TestTensors.scalar(result.loss()), 1e-13);
    result.backward();
    check(TestTensors.doubles(c.grad()), chosen, x -> formula(kind, x, rejected));
    check(TestTensors.doubles(r.grad()), rejected, x -> formula(kind, chosen, x));
  }

  private static void check(double[] gradient, double[] at, ToDoubleFunction<double[]> function) {
    for (int k = 0; k < at.length; k++) {
      double h = 1e-6;
      double[] up = at.clone();
      double[] down = at.clone();
      up[k] += h;
      down[k] -= h;
      double expected = (function.applyAsDouble(up) - function.applyAsDouble(down)) / (2 * h);
      assertEquals(expected, gradient[k], 1e-8, "element " + k);
    }
  }

  @Test
  void oneSideAloneMayRequireGrad() {
    Tensor c = TestTensors.of(ScalarType.Float, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Float, rejected, PAIRS, REJECTED);
    Tensor both = TestTensors.leaf(ScalarType.Float, rejected, PAIRS, REJECTED);
    apply(loss(PairLossKind.SIGMOID), c, r, ScalarType.Float).backward();
    apply(
            loss(PairLossKind.SIGMOID),
            TestTensors.leaf(ScalarType.Float, chosen, PAIRS, CHOSEN),
            both,
            ScalarType.Float)
        .backward();
    assertArrayEquals(TestTensors.doubles(both.grad()), TestTensors.doubles(r.grad()));
  }

  @Test
  void detailsEqualTheFormula() {
    PairLoss.Result result =
        apply(
            loss(PairLossKind.SIGMOID),
            TestTensors.of(ScalarType.Double, chosen, PAIRS, CHOSEN),
            TestTensors.of(ScalarType.Double, rejected, PAIRS, REJECTED),
            ScalarType.Double);
    double[] dc = sums(chosen, referenceChosen, MASK_CHOSEN, CHOSEN);
    double[] dr = sums(rejected, referenceRejected, MASK_REJECTED, REJECTED);
    double[] rewardsChosen = TestTensors.doubles(result.rewardsChosen());
    double[] rewardsRejected = TestTensors.doubles(result.rewardsRejected());
    double margin = 0;
    double accuracy = 0;
    for (int i = 0; i < PAIRS; i++) {
      assertEquals(BETA * dc[i], rewardsChosen[i], 1e-13);
      assertEquals(BETA * dr[i], rewardsRejected[i], 1e-13);
      margin += BETA * (dc[i] - dr[i]) / PAIRS;
      accuracy += (dc[i] > dr[i] ? 1.0 : 0) / PAIRS;
    }
    PairMetrics metrics = result.metrics();
    assertEquals(margin, metrics.margin(), 1e-13);
    assertEquals(accuracy, metrics.accuracy(), 1e-13);
    double mean = 0;
    for (double pair : TestTensors.doubles(result.pairLosses())) {
      mean += pair / PAIRS;
    }
    assertEquals(TestTensors.scalar(result.loss()), mean, 1e-13);
  }

  @Test
  void maskedTokensMayHoldAnything() {
    double[] poisoned = chosen.clone();
    for (int k = 0; k < poisoned.length; k++) {
      poisoned[k] = MASK_CHOSEN[k] == 0 ? Double.NaN : poisoned[k];
    }
    Tensor c = TestTensors.leaf(ScalarType.Float, poisoned, PAIRS, CHOSEN);
    Tensor r = TestTensors.of(ScalarType.Float, rejected, PAIRS, REJECTED);
    PairLoss.Result result = apply(loss(PairLossKind.HINGE), c, r, ScalarType.Float);
    assertEquals(
        formula(PairLossKind.HINGE, chosen, rejected), TestTensors.scalar(result.loss()), 1e-5);
    result.backward();
    double[] gradient = TestTensors.doubles(c.grad());
    for (int k = 0; k < gradient.length; k++) {
      if (MASK_CHOSEN[k] == 0) {
        assertEquals(0.0, gradient[k], "masked token " + k);
      }
    }
  }

  @Test
  void withoutReferencesTheyAreZero() {
    Tensor c = TestTensors.of(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.of(ScalarType.Double, rejected, PAIRS, REJECTED);
    Tensor maskC = TestTensors.mask(MASK_CHOSEN, PAIRS, CHOSEN);
    Tensor maskR = TestTensors.mask(MASK_REJECTED, PAIRS, REJECTED);
    PairLoss.Result result = PairLoss.sigmoid().beta(BETA).apply(c, r, null, null, maskC, maskR);
    double[] sc = sums(chosen, null, MASK_CHOSEN, CHOSEN);
    double[] sr = sums(rejected, null, MASK_REJECTED, REJECTED);
    double expected = 0;
    for (int i = 0; i < PAIRS; i++) {
      expected -= logSigmoid(BETA * (sc[i] - sr[i])) / PAIRS;
    }
    assertEquals(expected, TestTensors.scalar(result.loss()), 1e-13);
  }
}
