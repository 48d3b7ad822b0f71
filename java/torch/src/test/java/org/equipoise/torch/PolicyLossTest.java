package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.PolicyImportance;
import org.equipoise.kernels.PolicyKl;
import org.equipoise.kernels.PolicyNormalizer;
import org.equipoise.kernels.PolicySurrogate;
import org.equipoise.kernels.SamplerCorrection;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PolicyLossTest {
  private static final int SEQUENCES = 3;
  private static final int TOKENS = 4;
  private static final int[] MASK = {1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0};

  private final double[] logProbs = TestTensors.gaussian(1, 12, 0.5, -1.5);
  private final double[] old = TestTensors.gaussian(2, 12, 0.5, -1.5);
  private final double[] reference = TestTensors.gaussian(3, 12, 0.5, -1.5);
  private final double[] advantages = {1.2, -0.7, 0.4};
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** The formula of the header, in doubles. */
  private double formula(double[] x, String normalizer) {
    double total = 0;
    double tokens = 0;
    for (int m : MASK) {
      tokens += m;
    }
    for (int i = 0; i < SEQUENCES; i++) {
      double sum = 0;
      double length = 0;
      for (int t = 0; t < TOKENS; t++) {
        int k = i * TOKENS + t;
        if (MASK[k] == 0) {
          continue;
        }
        length++;
        double ratio = Math.exp(x[k] - old[k]);
        double a = advantages[i];
        double clipped = Math.min(Math.max(ratio, 0.8), 1.28);
        double surrogate = -Math.min(ratio * a, clipped * a);
        if (a < 0 && x[k] < -2) {
          surrogate = 0;
        }
        double d = reference[k] - x[k];
        sum += surrogate + 0.04 * (Math.exp(d) - d - 1);
      }
      total +=
          switch (normalizer) {
            case "grpo" -> sum / Math.max(1, length) / SEQUENCES;
            case "drGrpo" -> sum / (SEQUENCES * 7.0);
            default -> sum / Math.max(1, tokens);
          };
    }
    return total;
  }

  private static PolicyLoss loss(String normalizer) {
    PolicyLoss base =
        switch (normalizer) {
          case "grpo" -> PolicyLoss.grpo();
          case "drGrpo" -> PolicyLoss.drGrpo(7);
          default -> PolicyLoss.dapo();
        };
    return base.epsilon(0.2, 0.28).klBeta(0.04).negativeLogProbFloor(-2);
  }

  private PolicyLoss.Result apply(PolicyLoss loss, ScalarType type, Tensor x) {
    ScalarType wide = type.value == ScalarType.Double.value ? type : ScalarType.Float;
    return loss.apply(
        PolicyBatch.of(
                x,
                TestTensors.of(wide, advantages, SEQUENCES),
                TestTensors.mask(MASK, SEQUENCES, TOKENS))
            .old(TestTensors.of(type, old, SEQUENCES, TOKENS))
            .reference(TestTensors.of(type, reference, SEQUENCES, TOKENS)));
  }

  @Test
  void valueAndGradientInDoublePrecisionEqualTheFormula() {
    for (String normalizer : new String[] {"grpo", "drGrpo", "dapo"}) {
      Tensor x = TestTensors.leaf(ScalarType.Double, logProbs, SEQUENCES, TOKENS);
      PolicyLoss.Result result = apply(loss(normalizer), ScalarType.Double, x);
      assertEquals(formula(logProbs, normalizer), TestTensors.scalar(result.loss()), 1e-14);
      result.backward();
      double[] gradient = TestTensors.doubles(x.grad());
      for (int k = 0; k < logProbs.length; k++) {
        // Central differences of the formula; h^2 truncation and 1e-16/h rounding both near 1e-11.
        double h = 1e-6;
        double[] up = logProbs.clone();
        double[] down = logProbs.clone();
        up[k] += h;
        down[k] -= h;
        double expected = (formula(up, normalizer) - formula(down, normalizer)) / (2 * h);
        assertEquals(expected, gradient[k], 1e-9, normalizer + " element " + k);
      }
    }
  }

  @Test
  void gradientScalesAccumulatesAndIsRetained() {
    Tensor x = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    apply(loss("grpo"), ScalarType.Float, x).backward();
    double[] once = TestTensors.doubles(x.grad());

    Tensor y = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    Tensor sum =
        apply(loss("grpo"), ScalarType.Float, y)
            .loss()
            .add(apply(loss("grpo"), ScalarType.Float, y).loss());
    sum.backward(
        new Tensor(),
        new org.bytedeco.pytorch.BoolOptional(true),
        false,
        new org.bytedeco.pytorch.TensorArrayRefOptional());
    sum.backward();
    double[] fourTimes = TestTensors.doubles(y.grad());
    for (int k = 0; k < once.length; k++) {
      assertEquals(4 * once[k], fourTimes[k], 1e-6, "element " + k);
    }
  }

  @Test
  void gradientFlowsThroughTheGraphBehindTheLogProbs() {
    Tensor base = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    Tensor x = base.mul(new org.bytedeco.pytorch.Scalar(1.0f));
    Tensor loss = apply(loss("grpo"), ScalarType.Float, x).loss();
    loss.mul(new org.bytedeco.pytorch.Scalar(3.0f)).backward();

    Tensor direct = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    apply(loss("grpo"), ScalarType.Float, direct).backward();
    double[] expected = TestTensors.doubles(direct.grad());
    double[] found = TestTensors.doubles(base.grad());
    for (int k = 0; k < expected.length; k++) {
      assertEquals(3 * expected[k], found[k], 1e-6, "element " + k);
    }
    assertArrayEquals(
        TestTensors.doubles(TestTensors.of(ScalarType.Float, logProbs, 12)),
        TestTensors.doubles(x.detach()),
        "the log-probs themselves are untouched");
  }

  @Test
  void rowsOfALargerTensorAreTakenAsTheyAre() {
    double[] wide = new double[SEQUENCES * (TOKENS + 3)];
    for (int i = 0; i < SEQUENCES; i++) {
      System.arraycopy(logProbs, i * TOKENS, wide, i * (TOKENS + 3) + 2, TOKENS);
    }
    Tensor all = TestTensors.leaf(ScalarType.Double, wide, SEQUENCES, TOKENS + 3);
    PolicyLoss.Result result = apply(loss("grpo"), ScalarType.Double, all.narrow(1, 2, TOKENS));
    assertEquals(formula(logProbs, "grpo"), TestTensors.scalar(result.loss()), 1e-14);
    result.backward();
    Tensor direct = TestTensors.leaf(ScalarType.Double, logProbs, SEQUENCES, TOKENS);
    apply(loss("grpo"), ScalarType.Double, direct).backward();
    assertArrayEquals(
        TestTensors.doubles(direct.grad()),
        TestTensors.doubles(all.grad().narrow(1, 2, TOKENS).contiguous()));
  }

  @Test
  void bfloat16LogProbsGetABfloat16Gradient() {
    Tensor x = TestTensors.leaf(ScalarType.BFloat16, logProbs, SEQUENCES, TOKENS);
    PolicyLoss.Result result = apply(loss("grpo"), ScalarType.BFloat16, x);
    assertEquals(ScalarType.Float.value, result.loss().scalar_type().value);
    result.backward();
    assertEquals(ScalarType.BFloat16.value, x.grad().scalar_type().value);
    Tensor wide = TestTensors.leaf(ScalarType.Double, TestTensors.doubles(x), SEQUENCES, TOKENS);
    double[] rounded = TestTensors.doubles(TestTensors.of(ScalarType.BFloat16, old, 12));
    double[] roundedReference =
        TestTensors.doubles(TestTensors.of(ScalarType.BFloat16, reference, 12));
    PolicyLoss.Result exact =
        loss("grpo")
            .apply(
                PolicyBatch.of(
                        wide,
                        TestTensors.of(ScalarType.Double, advantages, SEQUENCES),
                        TestTensors.mask(MASK, SEQUENCES, TOKENS))
                    .old(TestTensors.of(ScalarType.Double, rounded, SEQUENCES, TOKENS))
                    .reference(
                        TestTensors.of(ScalarType.Double, roundedReference, SEQUENCES, TOKENS)));
    exact.backward();
    double[] expected = TestTensors.doubles(wide.grad());
    double[] found = TestTensors.doubles(x.grad());
    for (int k = 0; k < found.length; k++) {
      // One rounding to bfloat16: half a unit in the last of 8 bits.
      assertEquals(expected[k], found[k], Math.abs(expected[k]) / 256 + 1e-7, "element " + k);
    }
  }

  @Test
  void withoutGradientModeNothingIsRecorded() {
    Tensor x = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    try (NoGradGuard guard = new NoGradGuard()) {
      PolicyLoss.Result result = apply(loss("grpo"), ScalarType.Float, x);
      assertFalse(result.loss().requires_grad());
      assertEquals(formula(logProbs, "grpo"), TestTensors.scalar(result.loss()), 1e-6);
    }
    assertTrue(apply(loss("grpo"), ScalarType.Float, x).loss().requires_grad());
  }

  @Test
  void metricsAndSequenceLossesBelongToTheLoss() {
    Tensor x = TestTensors.of(ScalarType.Double, logProbs, SEQUENCES, TOKENS);
    PolicyLoss.Result result = apply(loss("grpo"), ScalarType.Double, x);
    double sum = 0;
    for (double share : TestTensors.doubles(result.sequenceLosses())) {
      sum += share;
    }
    assertEquals(TestTensors.scalar(result.loss()), sum, 1e-14);
    double kl = 0;
    double ratio = 0;
    double floored = 0;
    int tokens = 0;
    for (int k = 0; k < MASK.length; k++) {
      if (MASK[k] == 1) {
        double d = reference[k] - logProbs[k];
        kl += Math.exp(d) - d - 1;
        ratio += Math.exp(logProbs[k] - old[k]);
        floored += advantages[k / TOKENS] < 0 && logProbs[k] < -2 ? 1 : 0;
        tokens++;
      }
    }
    PolicyMetrics metrics = result.metrics();
    assertEquals(tokens, metrics.tokens());
    assertEquals(kl / tokens, metrics.kl(), 1e-13);
    assertEquals(ratio / tokens, metrics.ratio(), 1e-13);
    assertEquals(floored / tokens, metrics.floored(), 1e-13);
  }

  /** The gradient of the bonus goes to the entropy, on the tokens that pass the threshold. */
  @Test
  void entropyBonusIsDifferentiable() {
    double[] entropies = TestTensors.gaussian(4, 12, 0.5, 1);
    Tensor x = TestTensors.leaf(ScalarType.Float, logProbs, SEQUENCES, TOKENS);
    Tensor entropy = TestTensors.leaf(ScalarType.Float, entropies, SEQUENCES, TOKENS);
    Tensor threshold = TestTensors.of(ScalarType.Float, new double[] {0.8}, 1);
    PolicyLoss.Result result =
        PolicyLoss.grpo()
            .entropyCoefficient(0.5)
            .apply(
                PolicyBatch.of(
                        x,
                        TestTensors.of(ScalarType.Float, advantages, SEQUENCES),
                        TestTensors.mask(MASK, SEQUENCES, TOKENS))
                    .old(TestTensors.of(ScalarType.Float, old, SEQUENCES, TOKENS))
                    .entropy(entropy, threshold));
    result.loss().mul(new org.bytedeco.pytorch.Scalar(3.0f)).backward();
    int kept = 0;
    for (int k = 0; k < MASK.length; k++) {
      kept += MASK[k] == 1 && entropies[k] >= 0.8 ? 1 : 0;
    }
    double[] found = TestTensors.doubles(entropy.grad());
    for (int k = 0; k < MASK.length; k++) {
      double expected = MASK[k] == 1 && entropies[k] >= 0.8 ? -3 * 0.5 / kept : 0;
      assertEquals(expected, found[k], 1e-6, "element " + k);
    }
    assertEquals((double) kept / 8, result.metrics().entropyKept(), 1e-6);
    assertTrue(x.grad().defined());
  }

  @Test
  void truncatedSequencesCountNowhere() {
    Tensor x = TestTensors.leaf(ScalarType.Double, logProbs, SEQUENCES, TOKENS);
    PolicyBatch<Tensor> batch =
        PolicyBatch.of(
                x,
                TestTensors.of(ScalarType.Double, advantages, SEQUENCES),
                TestTensors.mask(MASK, SEQUENCES, TOKENS))
            .truncated(
                TestTensors.of(ScalarType.Double, new double[] {0, 1, 0}, SEQUENCES)
                    .to(ScalarType.Bool));
    PolicyLoss.Result result = PolicyLoss.bnpo().apply(batch);
    result.backward();
    assertEquals(4, result.metrics().tokens());
    double[] gradient = TestTensors.doubles(x.grad());
    for (int t = 0; t < TOKENS; t++) {
      assertEquals(0, gradient[TOKENS + t]);
      assertEquals(MASK[t] * -advantages[0] / 4, gradient[t], 1e-15);
    }
  }

  @Test
  void everyOptionIsReadBack() {
    PolicyLoss loss =
        PolicyLoss.sapo()
            .normalizer(PolicyNormalizer.LUSPO)
            .surrogate(PolicySurrogate.CISPO_RELATIVE)
            .importance(PolicyImportance.SEQUENCE)
            .epsilon(0.1, 0.3)
            .dualClip(3)
            .sapoTemperatures(2, 4)
            .vespoPositive(5, 6)
            .vespoNegative(7, 8)
            .klBeta(0.5)
            .kl(PolicyKl.ABS)
            .klUnbiased(true)
            .negativeLogProbFloor(-2)
            .entropyCoefficient(-0.25)
            .offPolicyThreshold(0.75)
            .samplerCorrection(SamplerCorrection.MASK, PolicyImportance.SEQUENCE)
            .samplerLimits(0.5, 2)
            .maxCompletionLength(9)
            .totalTokens(11)
            .totalSequences(12)
            .totalKeptTokens(13);
    assertEquals(PolicyNormalizer.LUSPO, loss.normalizer());
    assertEquals(PolicySurrogate.CISPO_RELATIVE, loss.surrogate());
    assertEquals(PolicyImportance.SEQUENCE, loss.importance());
    assertEquals(PolicyKl.ABS, loss.kl());
    assertTrue(loss.klUnbiased());
    assertEquals(SamplerCorrection.MASK, loss.samplerCorrection());
    assertEquals(PolicyImportance.SEQUENCE, loss.samplerLevel());
    assertArrayEquals(
        new double[] {0.1, 0.3, 3, 2, 4, 5, 6, 7, 8, 0.5, -2, -0.25, 0.75, 0.5, 2, 9, 11, 12, 13},
        new double[] {
          loss.epsilonLow(),
          loss.epsilonHigh(),
          loss.dualClip(),
          loss.sapoTemperaturePositive(),
          loss.sapoTemperatureNegative(),
          loss.vespoPowerPositive(),
          loss.vespoDecayPositive(),
          loss.vespoPowerNegative(),
          loss.vespoDecayNegative(),
          loss.klBeta(),
          loss.negativeLogProbFloor(),
          loss.entropyCoefficient(),
          loss.offPolicyThreshold(),
          loss.samplerMin(),
          loss.samplerMax(),
          loss.maxCompletionLength(),
          loss.totalTokens(),
          loss.totalSequences(),
          loss.totalKeptTokens()
        });
  }
}
