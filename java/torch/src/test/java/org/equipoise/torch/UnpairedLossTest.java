package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.UnpairedBatch;
import org.equipoise.kernels.UnpairedLossKind;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Losses over single labelled answers against their formulas written out here. */
class UnpairedLossTest {
  private static final int ROWS = 4;
  private static final int TOKENS = 3;
  private static final double BETA = 0.3;
  private static final int[] MASK = {1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0};
  private static final int[] LABELS = {1, 0, 1, 0};
  private static final double[] WEIGHTS = {1, 0.5, 2, 1.5};
  private static final double KL = 0.8;

  private final double[] policy = TestTensors.gaussian(1, ROWS * TOKENS, 0.5, -1.5);
  private final double[] reference = TestTensors.gaussian(2, ROWS * TOKENS, 0.5, -1.6);
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static UnpairedLoss loss(UnpairedLossKind kind) {
    return UnpairedLoss.of(kind).beta(BETA).labelWeights(1.25, 0.75);
  }

  private static Tensor mask() {
    return TestTensors.mask(MASK, ROWS, TOKENS);
  }

  private static Tensor labels(int... labels) {
    return TestTensors.mask(labels, labels.length);
  }

  /** A divergence that is known. */
  private static UnpairedBatch<Tensor> withKl(UnpairedBatch<Tensor> batch, ScalarType type) {
    return batch.mismatched(TestTensors.of(type, new double[] {KL}, 1, 1), null, null);
  }

  private UnpairedBatch<Tensor> batch(Tensor x, ScalarType type) {
    ScalarType real = type == ScalarType.Double ? type : ScalarType.Float;
    return withKl(
        UnpairedBatch.of(x, mask(), labels(LABELS))
            .reference(TestTensors.of(type, reference, ROWS, TOKENS))
            .weights(TestTensors.of(real, WEIGHTS, ROWS)),
        type);
  }

  private double[] rewards(double[] tokens) {
    double[] rewards = new double[ROWS];
    for (int k = 0; k < tokens.length; k++) {
      if (MASK[k] != 0) {
        rewards[k / TOKENS] += BETA * (tokens[k] - reference[k]);
      }
    }
    return rewards;
  }

  private double formula(UnpairedLossKind kind, double[] tokens, double referencePoint) {
    double[] rewards = rewards(tokens);
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
      double x = (LABELS[i] == 1 ? 1 : -1) * (rewards[i] - referencePoint);
      double f = kind == UnpairedLossKind.BCO ? Math.log1p(Math.exp(-x)) : 1 / (1 + Math.exp(x));
      sum += WEIGHTS[i] * (LABELS[i] == 1 ? 1.25 : 0.75) * f;
    }
    return sum / ROWS;
  }

  private double referencePoint(UnpairedLossKind kind) {
    return switch (kind) {
      case KTO -> BETA * KL;
      case APO_ZERO_UNPAIRED -> 0;
      case BCO -> Arrays.stream(rewards(policy)).sum() / ROWS;
    };
  }

  private static void checkGradient(
      double[] found, double[] tokens, ToDoubleFunction<double[]> formula) {
    for (int k = 0; k < tokens.length; k++) {
      double[] changed = tokens.clone();
      changed[k] = tokens[k] + 1e-5;
      double up = formula.applyAsDouble(changed);
      changed[k] = tokens[k] - 1e-5;
      assertEquals((up - formula.applyAsDouble(changed)) / 2e-5, found[k], 1e-9, "token " + k);
    }
  }

  @ParameterizedTest
  @EnumSource(UnpairedLossKind.class)
  void valueAndGradientInDoublePrecisionEqualTheFormula(UnpairedLossKind kind) {
    Tensor x = TestTensors.leaf(ScalarType.Double, policy, ROWS, TOKENS);
    UnpairedLoss.Result result = loss(kind).apply(batch(x, ScalarType.Double));
    double point = referencePoint(kind);
    assertEquals(formula(kind, policy, point), TestTensors.scalar(result.loss()), 1e-14);
    assertArrayEquals(rewards(policy), TestTensors.doubles(result.rewards()), 1e-14);
    double[] losses = TestTensors.doubles(result.rowLosses());
    assertEquals(TestTensors.scalar(result.loss()), Arrays.stream(losses).sum() / ROWS, 1e-14);
    result.backward();
    // The point of reference has no gradient.
    checkGradient(TestTensors.doubles(x.grad()), policy, tokens -> formula(kind, tokens, point));
  }

  @Test
  void theRunningMeanGoesFromBatchToBatch() {
    UnpairedLoss bco = UnpairedLoss.bco().beta(BETA);
    Tensor x = TestTensors.of(ScalarType.Float, policy, ROWS, TOKENS);
    UnpairedBatch<Tensor> batch = batch(x, ScalarType.Float);
    double mean = Arrays.stream(rewards(policy)).sum() / ROWS;
    UnpairedLoss.Result first = bco.apply(batch);
    assertArrayEquals(new double[] {mean, ROWS}, TestTensors.doubles(first.rewardMean()), 1e-6);
    Tensor shifted = TestTensors.of(ScalarType.Float, reference, ROWS, TOKENS);
    UnpairedBatch<Tensor> next =
        UnpairedBatch.of(shifted, mask(), labels(LABELS))
            .reference(shifted)
            .rewardMean(first.rewardMean());
    UnpairedLoss.Result second = bco.apply(next);
    assertArrayEquals(
        new double[] {mean / 2, 2 * ROWS}, TestTensors.doubles(second.rewardMean()), 1e-6);
    UnpairedLoss.Result evaluation = bco.updatesRewardMean(false).apply(next);
    assertArrayEquals(
        TestTensors.doubles(first.rewardMean()), TestTensors.doubles(evaluation.rewardMean()));
    assertEquals(mean, evaluation.metrics().rewardMean(), 1e-6);
  }

  @Test
  void metricsAreSumsAndCounts() {
    Tensor x = TestTensors.of(ScalarType.Double, policy, ROWS, TOKENS);
    UnpairedMetrics metrics =
        UnpairedLoss.kto().beta(BETA).apply(batch(x, ScalarType.Double)).metrics();
    double[] rewards = rewards(policy);
    assertEquals(KL, metrics.kl(), 1e-14);
    assertEquals(ROWS, metrics.rows());
    assertEquals(2, metrics.desirable());
    assertEquals(2, metrics.undesirable());
    assertEquals(rewards[0] + rewards[2], metrics.rewardDesirableSum(), 1e-14);
    assertEquals((rewards[1] + rewards[3]) / 2, metrics.rewardUndesirable(), 1e-14);
    assertEquals((rewards[0] + rewards[2] - rewards[1] - rewards[3]) / 2, metrics.margin(), 1e-14);
    assertEquals(policy[0] + policy[1] + policy[2], metrics.logProbDesirableSum(), 1e-14);
    assertEquals(
        policy[3] + policy[5] + policy[9] + policy[10], metrics.logProbUndesirableSum(), 1e-14);
  }

  /** One label alone, certain answers, answers that are masked entirely. */
  @ParameterizedTest
  @EnumSource(UnpairedLossKind.class)
  void unusualBatchesAreFinite(UnpairedLossKind kind) {
    for (int label = 0; label < 2; label++) {
      for (int unmasked = 0; unmasked < 2; unmasked++) {
        Tensor x = TestTensors.leaf(ScalarType.Float, new double[6], 2, 3);
        int[] mask = new int[6];
        Arrays.fill(mask, unmasked);
        UnpairedLoss.Result result =
            loss(kind)
                .apply(
                    withKl(
                        UnpairedBatch.of(x, TestTensors.mask(mask, 2, 3), labels(label, label)),
                        ScalarType.Float));
        result.backward();
        assertTrue(Double.isFinite(TestTensors.scalar(result.loss())), kind.name());
        for (double g : TestTensors.doubles(x.grad())) {
          assertEquals(unmasked == 1, g != 0, kind + " " + g);
          assertFalse(Double.isNaN(g), kind.name());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(UnpairedLossKind.class)
  void maskedTokensMayHoldAnythingAndAnswersThatAreNaNAreLeftOut(UnpairedLossKind kind) {
    double[] poisoned = policy.clone();
    for (int k = 0; k < poisoned.length; k++) {
      poisoned[k] = MASK[k] == 0 ? Double.NaN : poisoned[k];
    }
    Tensor x = TestTensors.leaf(ScalarType.Double, poisoned, ROWS, TOKENS);
    UnpairedLoss.Result result = loss(kind).apply(batch(x, ScalarType.Double));
    double expected = formula(kind, policy, referencePoint(kind));
    assertEquals(expected, TestTensors.scalar(result.loss()), 1e-14);
    poisoned[0] = Double.NaN;
    x = TestTensors.leaf(ScalarType.Double, poisoned, ROWS, TOKENS);
    result = loss(kind).apply(batch(x, ScalarType.Double));
    result.backward();
    double[] losses = TestTensors.doubles(result.rowLosses());
    assertTrue(Double.isNaN(losses[0]));
    assertEquals((losses[1] + losses[2] + losses[3]) / 3, TestTensors.scalar(result.loss()), 1e-14);
    assertEquals(3, result.metrics().rows());
    double[] gradient = TestTensors.doubles(x.grad());
    for (int k = 0; k < gradient.length; k++) {
      assertEquals(k < TOKENS || MASK[k] == 0, gradient[k] == 0, "token " + k);
    }
  }

  @Test
  void everythingIntoGivenTensors() {
    Tensor x = TestTensors.leaf(ScalarType.Double, policy, ROWS, TOKENS);
    UnpairedBatch<Tensor> batch = batch(x, ScalarType.Double);
    UnpairedLoss.Result result = loss(UnpairedLossKind.BCO).apply(batch);
    result.backward();
    Tensor loss = TestTensors.of(ScalarType.Double, new double[1], 1);
    Tensor losses = TestTensors.of(ScalarType.Double, new double[ROWS], ROWS);
    Tensor rewards = TestTensors.of(ScalarType.Double, new double[ROWS], ROWS);
    Tensor metrics = TestTensors.of(ScalarType.Double, new double[9], 9);
    Tensor mean = TestTensors.of(ScalarType.Double, new double[2], 2);
    Tensor gradient = TestTensors.of(ScalarType.Double, new double[ROWS * TOKENS], ROWS, TOKENS);
    loss(UnpairedLossKind.BCO).applyInto(batch, loss, losses, rewards, metrics, mean, gradient);
    assertEquals(TestTensors.scalar(result.loss()), TestTensors.scalar(loss));
    assertArrayEquals(TestTensors.doubles(result.rowLosses()), TestTensors.doubles(losses));
    assertArrayEquals(TestTensors.doubles(result.rewards()), TestTensors.doubles(rewards));
    assertEquals(result.metrics(), UnpairedMetrics.of(TestTensors.doubles(metrics)));
    assertArrayEquals(TestTensors.doubles(result.rewardMean()), TestTensors.doubles(mean));
    assertArrayEquals(TestTensors.doubles(x.grad()), TestTensors.doubles(gradient));
  }

  @Test
  void settingsAreKeptAndPresetsAreTrls() {
    UnpairedLoss changed = UnpairedLoss.bco().beta(0.5).labelWeights(2, 3).updatesRewardMean(false);
    assertEquals(UnpairedLossKind.BCO, changed.kind());
    assertEquals(0.5, changed.beta());
    assertEquals(2, changed.desirableWeight());
    assertEquals(3, changed.undesirableWeight());
    assertFalse(changed.updatesRewardMean());
    assertEquals(UnpairedLossKind.KTO, UnpairedLoss.kto().kind());
    assertEquals(UnpairedLossKind.APO_ZERO_UNPAIRED, UnpairedLoss.apoZeroUnpaired().kind());
    for (UnpairedLossKind kind : UnpairedLossKind.values()) {
      UnpairedLoss preset = UnpairedLoss.of(kind);
      assertEquals(kind, preset.kind());
      assertEquals(0.1, preset.beta());
      assertEquals(1, preset.desirableWeight());
      assertEquals(1, preset.undesirableWeight());
      assertTrue(preset.updatesRewardMean());
    }
  }
}
