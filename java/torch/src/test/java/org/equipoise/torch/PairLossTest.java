package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairDivergence;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.kernels.PairTerm;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PairLossTest {
  private static final int PAIRS = 3;
  private static final int CHOSEN = 4;
  private static final int REJECTED = 2;
  private static final double BETA = 0.4;
  private static final double SMOOTHING = 0.1;
  private static final int[] MASK_CHOSEN = {1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0};
  private static final int[] MASK_REJECTED = {1, 1, 1, 0, 0, 0};

  private final double[] chosen = TestTensors.gaussian(1, PAIRS * CHOSEN, 0.4, -2);
  private final double[] rejected = TestTensors.gaussian(2, PAIRS * REJECTED, 0.4, -2);
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

  private static boolean takesReference(PairLossKind kind) {
    return switch (kind) {
      case CPO, SIMPO, ORPO -> false;
      default -> true;
    };
  }

  private static boolean takesSmoothing(PairLossKind kind) {
    return switch (kind) {
      case SIGMOID, EXO_PAIR, ROBUST, AOT, AOT_UNPAIRED, CPO, SIMPO -> true;
      default -> false;
    };
  }

  private static PairLoss loss(PairLossKind kind) {
    PairLoss loss = PairLoss.of(kind).beta(BETA);
    return takesSmoothing(kind) ? loss.labelSmoothing(SMOOTHING) : loss;
  }

  private static double logSigmoid(double x) {
    return -Math.log1p(Math.exp(-x));
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static double smoothed(double x) {
    return -(1 - SMOOTHING) * logSigmoid(x) - SMOOTHING * logSigmoid(-x);
  }

  private static double[] sums(double[] values, int[] mask, int tokens) {
    double[] sums = new double[PAIRS];
    for (int k = 0; k < values.length; k++) {
      sums[k / tokens] += mask[k] == 0 ? 0 : values[k];
    }
    return sums;
  }

  private static double[] lengths(int[] mask, int tokens) {
    double[] ones = new double[mask.length];
    Arrays.fill(ones, 1);
    double[] lengths = sums(ones, mask, tokens);
    return Arrays.stream(lengths).map(n -> Math.max(1, n)).toArray();
  }

  private static double[] minus(double[] a, double[] b) {
    double[] difference = new double[a.length];
    Arrays.setAll(difference, i -> a[i] - b[i]);
    return difference;
  }

  private static double[] sorted(double[] values) {
    double[] copy = values.clone();
    Arrays.sort(copy);
    return copy;
  }

  private static double transported(double[] one, double[] other) {
    return Arrays.stream(minus(sorted(one), sorted(other))).map(d -> smoothed(BETA * d)).sum()
        / PAIRS;
  }

  /** A certain answer has finite odds: the formula's bound holds. */
  private static double logOdds(double mean) {
    double bounded = Math.min(mean, -0x1p-24);
    return bounded - Math.log(-Math.expm1(bounded));
  }

  /** Of one pair: log-ratios (log-probs where the kind takes no reference) and lengths. */
  private static double formula(PairLossKind kind, double c, double r, double lenC, double lenR) {
    double x = BETA * (c - r);
    return switch (kind) {
      case SIGMOID, CPO -> smoothed(x);
      case IPO -> Math.pow(c / lenC - r / lenR - 1 / (2 * BETA), 2);
      case HINGE -> Math.max(0, 1 - x);
      case EXO_PAIR ->
          sigmoid(x) * (logSigmoid(x) - Math.log(1 - SMOOTHING))
              + sigmoid(-x) * (logSigmoid(-x) - Math.log(SMOOTHING));
      case NCA_PAIR ->
          -logSigmoid(BETA * c) - 0.5 * logSigmoid(-BETA * c) - 0.5 * logSigmoid(-BETA * r);
      case ROBUST ->
          (-(1 - SMOOTHING) * logSigmoid(x) + SMOOTHING * logSigmoid(-x)) / (1 - 2 * SMOOTHING);
      case BCO_PAIR -> -logSigmoid(BETA * c) - logSigmoid(-BETA * r);
      case SPPO_HARD -> Math.pow(c - 0.5 / BETA, 2) + Math.pow(r + 0.5 / BETA, 2);
      case APO_ZERO -> 1 - sigmoid(BETA * c) + sigmoid(BETA * r);
      case APO_DOWN -> sigmoid(BETA * c) + 1 - sigmoid(x);
      case DISCOPOP -> {
        double w = sigmoid(x / 0.05);
        yield -(1 - w) * logSigmoid(x) + w * Math.exp(-x);
      }
      case SIGMOID_NORM -> -logSigmoid(BETA * (c / lenC - r / lenR));
      case SIMPO -> smoothed(BETA * (c / lenC - r / lenR) - 0.5);
      // Here only an answer without tokens adds up to 0, and that has no odds.
      case ORPO -> c == 0 || r == 0 ? 0 : -BETA * logSigmoid(logOdds(c / lenC) - logOdds(r / lenR));
      case ANCHOR -> -logSigmoid(BETA * c);
      case AOT, AOT_UNPAIRED, SFT -> throw new AssertionError(kind + " is a formula of the batch");
    };
  }

  private double formula(PairLossKind kind, double[] chosenTokens, double[] rejectedTokens) {
    double[] c = sums(chosenTokens, MASK_CHOSEN, CHOSEN);
    double[] r = sums(rejectedTokens, MASK_REJECTED, REJECTED);
    double[] referenceC = sums(referenceChosen, MASK_CHOSEN, CHOSEN);
    double[] referenceR = sums(referenceRejected, MASK_REJECTED, REJECTED);
    double[] dc = takesReference(kind) ? minus(c, referenceC) : c;
    double[] dr = takesReference(kind) ? minus(r, referenceR) : r;
    return switch (kind) {
      case SFT -> -Arrays.stream(c).sum() / Arrays.stream(MASK_CHOSEN).sum();
      case AOT -> transported(minus(c, r), minus(referenceC, referenceR));
      case AOT_UNPAIRED -> transported(dc, dr);
      default -> {
        double[] lenC = lengths(MASK_CHOSEN, CHOSEN);
        double[] lenR = lengths(MASK_REJECTED, REJECTED);
        double sum = 0;
        for (int i = 0; i < PAIRS; i++) {
          sum += formula(kind, dc[i], dr[i], lenC[i], lenR[i]);
        }
        yield sum / PAIRS;
      }
    };
  }

  private PairBatch<Tensor> batch(PairLossKind kind, Tensor c, Tensor r) {
    PairBatch<Tensor> batch =
        PairBatch.of(
            c,
            r,
            TestTensors.mask(MASK_CHOSEN, PAIRS, CHOSEN),
            TestTensors.mask(MASK_REJECTED, PAIRS, REJECTED));
    ScalarType type = c.scalar_type().intern();
    return takesReference(kind)
        ? batch.reference(
            TestTensors.of(type, referenceChosen, PAIRS, CHOSEN),
            TestTensors.of(type, referenceRejected, PAIRS, REJECTED))
        : batch;
  }

  @ParameterizedTest
  @EnumSource(PairLossKind.class)
  void valueAndBothGradientsInDoublePrecisionEqualTheFormula(PairLossKind kind) {
    Tensor c = TestTensors.leaf(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Double, rejected, PAIRS, REJECTED);
    PairLoss.Result result = loss(kind).apply(batch(kind, c, r));
    assertEquals(formula(kind, chosen, rejected), TestTensors.scalar(result.loss()), 1e-13);
    double mean = Arrays.stream(TestTensors.doubles(result.pairLosses())).sum() / PAIRS;
    assertEquals(mean, TestTensors.scalar(result.loss()), 1e-13);
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
  void theSumOfTermsIsWeighted() {
    Tensor c = TestTensors.leaf(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Double, rejected, PAIRS, REJECTED);
    PairLoss sum =
        PairLoss.sum(
                new PairTerm(PairLossKind.SIGMOID, 0.8),
                new PairTerm(PairLossKind.SFT, 2),
                new PairTerm(PairLossKind.AOT, -0.5))
            .beta(BETA)
            .labelSmoothing(SMOOTHING);
    PairLoss.Result result = sum.apply(batch(PairLossKind.SIGMOID, c, r));
    ToDoubleFunction<double[]> formula =
        x ->
            0.8 * formula(PairLossKind.SIGMOID, x, rejected)
                + 2 * formula(PairLossKind.SFT, x, rejected)
                - 0.5 * formula(PairLossKind.AOT, x, rejected);
    assertEquals(formula.applyAsDouble(chosen), TestTensors.scalar(result.loss()), 1e-13);
    result.backward();
    check(TestTensors.doubles(c.grad()), chosen, formula);
  }

  @Test
  void oneSideAloneMayRequireGrad() {
    PairLossKind kind = PairLossKind.SIGMOID;
    Tensor c = TestTensors.of(ScalarType.Float, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Float, rejected, PAIRS, REJECTED);
    Tensor both = TestTensors.leaf(ScalarType.Float, rejected, PAIRS, REJECTED);
    loss(kind).apply(batch(kind, c, r)).backward();
    Tensor leaf = TestTensors.leaf(ScalarType.Float, chosen, PAIRS, CHOSEN);
    loss(kind).apply(batch(kind, leaf, both)).backward();
    assertArrayEquals(TestTensors.doubles(both.grad()), TestTensors.doubles(r.grad()));
  }

  @Test
  void detailsEqualTheFormula() {
    PairLossKind kind = PairLossKind.SIGMOID;
    Tensor c = TestTensors.of(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.of(ScalarType.Double, rejected, PAIRS, REJECTED);
    PairLoss.Result result = loss(kind).apply(batch(kind, c, r));
    double[] dc =
        minus(sums(chosen, MASK_CHOSEN, CHOSEN), sums(referenceChosen, MASK_CHOSEN, CHOSEN));
    double[] dr =
        minus(
            sums(rejected, MASK_REJECTED, REJECTED),
            sums(referenceRejected, MASK_REJECTED, REJECTED));
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
  }

  @ParameterizedTest
  @EnumSource(PairLossKind.class)
  void maskedTokensMayHoldAnything(PairLossKind kind) {
    double[] poisoned = chosen.clone();
    for (int k = 0; k < poisoned.length; k++) {
      poisoned[k] = MASK_CHOSEN[k] == 0 ? Double.NaN : poisoned[k];
    }
    Tensor c = TestTensors.leaf(ScalarType.Float, poisoned, PAIRS, CHOSEN);
    Tensor r = TestTensors.of(ScalarType.Float, rejected, PAIRS, REJECTED);
    PairLoss.Result result = loss(kind).apply(batch(kind, c, r));
    double expected = formula(kind, chosen, rejected);
    assertEquals(expected, TestTensors.scalar(result.loss()), 1e-5 * Math.max(1, expected));
    result.backward();
    double[] gradient = TestTensors.doubles(c.grad());
    for (int k = 0; k < gradient.length; k++) {
      if (MASK_CHOSEN[k] == 0) {
        assertEquals(0.0, gradient[k], "masked token " + k);
      }
    }
  }

  /** Log-probs of exactly 0, and answers without a single unmasked token. */
  @ParameterizedTest
  @EnumSource(PairLossKind.class)
  void certainAndMaskedAnswersAreFinite(PairLossKind kind) {
    for (double certain : new double[] {0, -1e-9, -1e-7, -1e-4}) {
      double[] tokens = new double[PAIRS * CHOSEN];
      Arrays.fill(tokens, certain);
      Tensor c = TestTensors.leaf(ScalarType.Float, tokens, PAIRS, CHOSEN);
      Tensor r = TestTensors.leaf(ScalarType.Float, tokens, PAIRS, CHOSEN);
      int[] mask = {1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0};
      int[] otherMask = {0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0};
      PairLoss.Result result =
          loss(kind)
              .apply(
                  PairBatch.of(
                      c,
                      r,
                      TestTensors.mask(mask, PAIRS, CHOSEN),
                      TestTensors.mask(otherMask, PAIRS, CHOSEN)));
      result.backward();
      String name = kind + " at " + certain;
      assertTrue(Double.isFinite(TestTensors.scalar(result.loss())), name);
      for (Tensor gradient : List.of(c.grad(), r.grad())) {
        for (double g : TestTensors.doubles(gradient)) {
          assertTrue(Double.isFinite(g), name);
        }
      }
    }
  }

  @Test
  void withoutReferencesTheyAreZero() {
    Tensor c = TestTensors.of(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.of(ScalarType.Double, rejected, PAIRS, REJECTED);
    PairBatch<Tensor> batch =
        PairBatch.of(
            c,
            r,
            TestTensors.mask(MASK_CHOSEN, PAIRS, CHOSEN),
            TestTensors.mask(MASK_REJECTED, PAIRS, REJECTED));
    // CPO is the smoothed sigmoid of the log-probs.
    assertEquals(
        formula(PairLossKind.CPO, chosen, rejected),
        TestTensors.scalar(PairLoss.cdpo(SMOOTHING).beta(BETA).apply(batch).loss()),
        1e-13);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.25})
  void pairsOfWeightZeroAreLeftOut(double weight) {
    double[] poisoned = rejected.clone();
    if (weight == 0) {
      poisoned[0] = Double.NaN;
    }
    Tensor c = TestTensors.leaf(ScalarType.Double, chosen, PAIRS, CHOSEN);
    Tensor r = TestTensors.leaf(ScalarType.Double, poisoned, PAIRS, REJECTED);
    Tensor weights = TestTensors.of(ScalarType.Double, new double[] {weight, 1, 2}, PAIRS);
    PairLoss.Result result =
        loss(PairLossKind.SIGMOID).apply(batch(PairLossKind.SIGMOID, c, r).weights(weights));
    Tensor plain = TestTensors.of(ScalarType.Double, rejected, PAIRS, REJECTED);
    double[] losses =
        TestTensors.doubles(
            loss(PairLossKind.SIGMOID).apply(batch(PairLossKind.SIGMOID, c, plain)).pairLosses());
    assertEquals(
        (weight * losses[0] + losses[1] + 2 * losses[2]) / PAIRS,
        TestTensors.scalar(result.loss()),
        1e-13);
    result.backward();
    assertEquals(weight == 0, TestTensors.doubles(c.grad())[0] == 0);
  }

  @Test
  void optionsAreKeptAndImmutable() {
    PairLoss plain = PairLoss.sigmoid();
    PairLoss changed =
        plain
            .beta(0.3)
            .labelSmoothing(0.2)
            .alphaDivergence(1.5)
            .ldAlpha(0.7)
            .simpoGamma(1.2)
            .simpoAlpha(0.25)
            .discopopTau(0.1);
    assertEquals(0.1, plain.beta());
    assertEquals(PairDivergence.REVERSE_KL, plain.divergence());
    assertEquals(0.3, changed.beta());
    assertEquals(0.2, changed.labelSmoothing());
    assertEquals(PairDivergence.ALPHA, changed.divergence());
    assertEquals(1.5, changed.divergenceAlpha());
    assertEquals(0.7, changed.ldAlpha());
    assertEquals(1.2, changed.simpoGamma());
    assertEquals(0.25, changed.simpoAlpha());
    assertEquals(0.1, changed.discopopTau());
    assertEquals(List.of(new PairTerm(PairLossKind.SIGMOID, 1)), changed.terms());
  }

  /** What the presets are, term by term. */
  @Test
  void presetsAreWhatTheirNamesSay() {
    assertEquals("[SIGMOID 1.0] 0.1 0.0", text(PairLoss.sigmoid()));
    assertEquals("[SIGMOID 1.0] 0.1 0.25", text(PairLoss.cdpo(0.25)));
    assertEquals("[ROBUST 1.0] 0.1 0.25", text(PairLoss.robust(0.25)));
    assertEquals("[SIGMOID_NORM 1.0] 0.1 0.0", text(PairLoss.sigmoidNorm()));
    assertEquals("[IPO 1.0] 0.1 0.0", text(PairLoss.ipo()));
    assertEquals("[HINGE 1.0] 0.1 0.0", text(PairLoss.hinge()));
    assertEquals("[EXO_PAIR 1.0] 0.1 0.001", text(PairLoss.exoPair()));
    assertEquals("[NCA_PAIR 1.0] 0.1 0.0", text(PairLoss.ncaPair()));
    assertEquals("[BCO_PAIR 1.0] 0.1 0.0", text(PairLoss.bcoPair()));
    assertEquals("[SPPO_HARD 1.0] 0.1 0.0", text(PairLoss.sppoHard()));
    assertEquals("[AOT 1.0] 0.1 0.0", text(PairLoss.aot()));
    assertEquals("[AOT_UNPAIRED 1.0] 0.1 0.0", text(PairLoss.aotUnpaired()));
    assertEquals("[APO_ZERO 1.0] 0.1 0.0", text(PairLoss.apoZero()));
    assertEquals("[APO_DOWN 1.0] 0.1 0.0", text(PairLoss.apoDown()));
    assertEquals("[DISCOPOP 1.0] 0.1 0.0", text(PairLoss.discopop()));
    assertEquals("[SFT 1.0] 0.1 0.0", text(PairLoss.sft()));
    assertEquals("[CPO 1.0, SFT 0.7] 0.1 0.0", text(PairLoss.cpo(0.7)));
    assertEquals("[SIMPO 1.0] 0.1 0.0", text(PairLoss.simPo()));
    assertEquals("[SIMPO 1.0] 0.1 0.0", text(PairLoss.alphaPo(0.25)));
    assertEquals(0.25, PairLoss.alphaPo(0.25).simpoAlpha());
    assertEquals("[SFT 1.0, ORPO 1.0] 0.1 0.0", text(PairLoss.orpo()));
  }

  private static String text(PairLoss loss) {
    List<String> terms = loss.terms().stream().map(t -> t.kind() + " " + t.weight()).toList();
    return terms + " " + loss.beta() + " " + loss.labelSmoothing();
  }
}
