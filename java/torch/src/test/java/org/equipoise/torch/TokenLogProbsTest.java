package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TokenLogProbsTest {
  private static final int ROWS = 4;
  private static final int VOCAB = 11;
  private static final double TEMPERATURE = 0.7;
  private static final long[] TARGETS = {3, -100, 0, 10};
  private static final double[] WEIGHTS = {1.5, 7, -0.5, 2};
  private static final double ENTROPY_WEIGHT = 0.3;

  /** Sums of 11 terms in float: a few units of 2^-24 relative to values near 5. */
  private static final double FLOAT = 5e-6;

  private final double[] logits = TestTensors.gaussian(5, ROWS * VOCAB, 2, 0);
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static double logSumExp(double[] x, int row, double factor) {
    double sum = 0;
    for (int j = 0; j < VOCAB; j++) {
      sum += Math.exp(factor * x[row * VOCAB + j] / TEMPERATURE);
    }
    return Math.log(sum);
  }

  private static double logProb(double[] x, int row) {
    return TARGETS[row] < 0
        ? 0
        : x[row * VOCAB + (int) TARGETS[row]] / TEMPERATURE - logSumExp(x, row, 1);
  }

  private static double entropy(double[] x, int row) {
    if (TARGETS[row] < 0) {
      return 0;
    }
    double lse = logSumExp(x, row, 1);
    double sum = 0;
    for (int j = 0; j < VOCAB; j++) {
      double l = x[row * VOCAB + j] / TEMPERATURE - lse;
      sum -= Math.exp(l) * l;
    }
    return sum;
  }

  /** A loss with gradient to both outputs. */
  private static double loss(double[] x) {
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
      sum += WEIGHTS[i] * logProb(x, i) + ENTROPY_WEIGHT * entropy(x, i);
    }
    return sum;
  }

  private static TokenLogProbsOptions options() {
    return TokenLogProbsOptions.defaults().temperature(TEMPERATURE).entropy(true).logSumExp2x(true);
  }

  private static Tensor lossOf(TokenLogProbs result) {
    return result
        .values()
        .mul(TestTensors.of(ScalarType.Float, WEIGHTS, ROWS))
        .sum()
        .add(result.entropy().sum().mul(new Scalar((float) ENTROPY_WEIGHT)));
  }

  @Test
  void outputsEqualTheFormula() {
    TokenLogProbs result =
        TokenLogProbs.forward(
            options(),
            TestTensors.of(ScalarType.Float, logits, ROWS, VOCAB),
            TestTensors.longs(TARGETS));
    double[] values = TestTensors.doubles(result.values());
    double[] entropies = TestTensors.doubles(result.entropy());
    double[] lse = TestTensors.doubles(result.logSumExp());
    double[] lse2 = TestTensors.doubles(result.logSumExp2x());
    for (int i = 0; i < ROWS; i++) {
      boolean ignored = TARGETS[i] < 0;
      assertEquals(logProb(logits, i), values[i], FLOAT);
      assertEquals(entropy(logits, i), entropies[i], FLOAT);
      assertEquals(ignored ? 0 : logSumExp(logits, i, 1), lse[i], FLOAT);
      assertEquals(ignored ? 0 : logSumExp(logits, i, 2), lse2[i], FLOAT);
    }
  }

  @Test
  void anOffsetThatLogitsShareCostsTheGradientNothing() {
    for (double offset : new double[] {200, 1e3, 1e4}) {
      double[] shifted = logits.clone();
      for (int k = 0; k < shifted.length; k++) {
        shifted[k] += offset;
      }
      Tensor x = TestTensors.of(ScalarType.Float, shifted, ROWS, VOCAB);
      TokenLogProbs result = TokenLogProbs.forward(options(), x, TestTensors.longs(TARGETS));
      lossOf(result).backward();
      double[] found = TestTensors.doubles(result.backward());
      double[] exact = TestTensors.doubles(x); // as float holds them
      for (int k = 0; k < found.length; k++) {
        int row = k / VOCAB;
        double p = probability(exact, row, k % VOCAB, offset);
        double one = TARGETS[row] == k % VOCAB ? 1 : 0;
        double entropy = 0;
        for (int j = 0; j < VOCAB; j++) {
          double q = probability(exact, row, j, offset);
          entropy -= q * Math.log(q);
        }
        double gradient =
            (WEIGHTS[row] * (one - p) - ENTROPY_WEIGHT * p * (Math.log(p) + entropy)) / TEMPERATURE;
        // Weights up to 7 over T: some ten values of float, rounded twice. An f32 sum costs 5e-4.
        assertEquals(TARGETS[row] < 0 ? 0 : gradient, found[k], 2e-6, "offset " + offset);
      }
    }
  }

  private static double probability(double[] x, int row, int column, double offset) {
    double sum = 0;
    for (int j = 0; j < VOCAB; j++) {
      sum += Math.exp((x[row * VOCAB + j] - offset) / TEMPERATURE);
    }
    return Math.exp((x[row * VOCAB + column] - offset) / TEMPERATURE) / sum;
  }

  @Test
  void gradientOfLogProbsAndEntropyEqualsFiniteDifferences() {
    Tensor x = TestTensors.of(ScalarType.Float, logits, ROWS, VOCAB);
    TokenLogProbs result = TokenLogProbs.forward(options(), x, TestTensors.longs(TARGETS));
    assertTrue(result.values().is_leaf() && result.values().requires_grad());
    lossOf(result).backward();
    double[] found = TestTensors.doubles(result.backward());
    double[] exact = TestTensors.doubles(x);
    for (int k = 0; k < found.length; k++) {
      double h = 1e-6;
      double[] up = exact.clone();
      double[] down = exact.clone();
      up[k] += h;
      down[k] -= h;
      assertEquals((loss(up) - loss(down)) / (2 * h), found[k], FLOAT, "element " + k);
    }
  }

  @Test
  void backwardMayOverwriteTheLogits() {
    Tensor x = TestTensors.of(ScalarType.Float, logits, ROWS, VOCAB);
    TokenLogProbs result = TokenLogProbs.forward(options(), x, TestTensors.longs(TARGETS));
    lossOf(result).backward();
    double[] expected = TestTensors.doubles(result.backward());
    result.backwardInto(x);
    assertArrayEquals(expected, TestTensors.doubles(x));
  }

  @Test
  void backwardThroughReachesTheWeightsBehindTheLogits() {
    double[] weightValues = TestTensors.gaussian(8, VOCAB * 3, 1, 0);
    Tensor hidden =
        TestTensors.of(ScalarType.Float, TestTensors.gaussian(9, ROWS * 3, 1, 0), ROWS, 3);
    Tensor targets = TestTensors.longs(TARGETS);

    Tensor peer = TestTensors.leaf(ScalarType.Float, weightValues, VOCAB, 3);
    hidden
        .matmul(peer.t())
        .log_softmax(1)
        .gather(1, TestTensors.longs(new long[] {3, 1, 0, 10}).unsqueeze(1))
        .squeeze(1)
        .mul(TestTensors.of(ScalarType.Float, new double[] {1.5, 0, -0.5, 2}, ROWS))
        .sum()
        .backward();

    Tensor weight = TestTensors.leaf(ScalarType.Float, weightValues, VOCAB, 3);
    TokenLogProbs result = TokenLogProbs.forward(hidden.matmul(weight.t()), targets);
    result.values().mul(TestTensors.of(ScalarType.Float, WEIGHTS, ROWS)).sum().backward();
    result.backwardThrough();
    assertArrayEquals(TestTensors.doubles(peer.grad()), TestTensors.doubles(weight.grad()), 1e-5);
  }

  @Test
  void rowsMayBeStridedAndInBfloat16() {
    Tensor wide =
        TestTensors.of(ScalarType.BFloat16, TestTensors.gaussian(6, ROWS * 16, 2, 0), ROWS, 16);
    Tensor x = wide.narrow(1, 2, VOCAB);
    double[] exact = TestTensors.doubles(x.contiguous());
    TokenLogProbs result = TokenLogProbs.forward(options(), x, TestTensors.longs(TARGETS));
    double[] values = TestTensors.doubles(result.values());
    for (int i = 0; i < ROWS; i++) {
      assertEquals(logProb(exact, i), values[i], FLOAT);
    }
    lossOf(result).backward();
    Tensor gradient = result.backward();
    assertEquals(ScalarType.BFloat16.value, gradient.scalar_type().value);
  }

  @Test
  void int32TargetsAndNoGradientMode() {
    Tensor x = TestTensors.of(ScalarType.Float, logits, ROWS, VOCAB);
    try (NoGradGuard guard = new NoGradGuard()) {
      TokenLogProbs result =
          TokenLogProbs.forward(options(), x, TestTensors.ints(new int[] {3, -100, 0, 10}));
      assertFalse(result.values().requires_grad());
      assertEquals(logProb(logits, 0), TestTensors.doubles(result.values())[0], FLOAT);
    }
  }

  @Test
  void backwardWithoutAGradientIsRefused() {
    Tensor x = TestTensors.of(ScalarType.Float, logits, ROWS, VOCAB);
    TokenLogProbs result = TokenLogProbs.forward(x, TestTensors.longs(TARGETS));
    assertEquals(
        "eqp_token_log_probs_backward: log_probs: expected a gradient, found none; call backward()"
            + " on a loss made from the log-probs or the entropy first",
        assertThrows(IllegalArgumentException.class, result::backward).getMessage());
    assertEquals(
        "entropy was not computed: ask for it with TokenLogProbsOptions.entropy(true)",
        assertThrows(IllegalStateException.class, result::entropy).getMessage());
  }
}
