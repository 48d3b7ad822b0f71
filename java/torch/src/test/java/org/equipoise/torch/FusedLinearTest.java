package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.kernels.PolicyBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Against the unfused composition of LibTorch ops in double precision: values and gradients, with
 * chunks of one row, chunks that do not divide the tokens, and a single chunk.
 */
class FusedLinearTest {
  private static final int SEQUENCES = 4; // two pairs: chosen, chosen, rejected, rejected
  private static final int TOKENS = 5;
  private static final int HIDDEN = 7;
  private static final int VOCAB = 37;
  private static final long[] ROW_BUDGETS = {1, 3, 8, 1000};
  private static final Set<PairLossKind> REFERENCE_FREE =
      EnumSet.of(PairLossKind.CPO, PairLossKind.SIMPO, PairLossKind.ORPO);

  /** Sums of up to 37 terms in float, of values of up to 10: some units of 2^-24. */
  private static final double FLOAT = 2e-5;

  private static final int[] MASK = {1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1};

  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** What is put before the softmax. */
  private record Head(double scale, double cap, double temperature, boolean bias) {
    static final Head PLAIN = new Head(1, 0, 1, false);
    static final Head FULL = new Head(0.7, 4, 1.3, true);

    FusedLinear fused(Tensor weight, Tensor bias, long rows) {
      return FusedLinear.head(weight)
          .bias(bias)
          .logitScale(scale)
          .softCap(cap)
          .temperature(temperature)
          .logitBudget(rows * VOCAB * weight.element_size() + 1);
    }

    Tensor logits(Tensor hidden, Tensor weight, Tensor b) {
      Tensor y = hidden.matmul(weight.t());
      y = (b == null ? y : y.add(b)).mul(new Scalar(scale));
      y = cap == 0 ? y : y.div(new Scalar(cap)).tanh().mul(new Scalar(cap));
      return y.div(new Scalar(temperature));
    }
  }

  /** A loss of log-probs [SEQUENCES, TOKENS] and, where it uses them, entropies. */
  private interface Loss {
    ScalarLoss of(Tensor values, Tensor entropy);

    default boolean usesEntropy() {
      return false;
    }
  }

  /** The two pairs: chosen, chosen, rejected, rejected. */
  private static Loss pairLoss(PairLossKind kind) {
    return (values, entropy) -> {
      Tensor mask = TestTensors.mask(MASK, SEQUENCES, TOKENS);
      Tensor reference = around(values.scalar_type().intern(), 21);
      PairBatch<Tensor> batch =
          PairBatch.of(
              values.narrow(0, 0, 2),
              values.narrow(0, 2, 2),
              mask.narrow(0, 0, 2),
              mask.narrow(0, 2, 2));
      if (!REFERENCE_FREE.contains(kind)) {
        batch = batch.reference(reference.narrow(0, 0, 2), reference.narrow(0, 2, 2));
      }
      PairLoss loss = kind == PairLossKind.EXO_PAIR ? PairLoss.exoPair() : PairLoss.of(kind);
      return loss.beta(0.3).apply(batch);
    };
  }

  private static Tensor around(ScalarType type, long seed) {
    double[] values = TestTensors.gaussian(seed, SEQUENCES * TOKENS, 0.5, -Math.log(VOCAB));
    return TestTensors.of(type, values, SEQUENCES, TOKENS);
  }

  private enum Family implements Loss {
    SIGMOID,
    GSPO,
    LUSPO,
    VESPO,
    GMPO,
    GRPO,
    DAPO,
    DR_GRPO,
    CISPO,
    SAPO,
    NLL,
    ENTROPY_BONUS;

    boolean isTokenLocal() {
      return ordinal() >= GRPO.ordinal();
    }

    @Override
    public boolean usesEntropy() {
      return this == ENTROPY_BONUS;
    }

    @Override
    public ScalarLoss of(Tensor values, Tensor entropy) {
      ScalarType type = values.scalar_type().intern();
      Tensor mask = TestTensors.mask(MASK, SEQUENCES, TOKENS);
      Tensor reference = around(type, 21);
      return switch (this) {
        case SIGMOID -> pairLoss(PairLossKind.SIGMOID).of(values, entropy);
        case GSPO -> policy(PolicyLoss.gspo(), values, type, reference, mask);
        case LUSPO -> policy(PolicyLoss.luspo(), values, type, reference, mask);
        case VESPO -> policy(PolicyLoss.vespo(), values, type, reference, mask);
        case GMPO -> policy(PolicyLoss.gmpo(), values, type, reference, mask);
        case CISPO -> policy(PolicyLoss.cispo(), values, type, reference, mask);
        case SAPO -> policy(PolicyLoss.sapo(), values, type, reference, mask);
        case GRPO -> policy(PolicyLoss.grpo(), values, type, reference, mask);
        case DAPO -> policy(PolicyLoss.dapo(), values, type, reference, mask);
        case DR_GRPO -> policy(PolicyLoss.drGrpo(9), values, type, reference, mask);
        case NLL -> {
          Tensor loss = values.mul(mask).sum().div(new Scalar(-16.0));
          yield () -> loss;
        }
        case ENTROPY_BONUS -> {
          Tensor bonus = entropy.mul(mask).sum().mul(new Scalar(0.01));
          Tensor loss = policy(PolicyLoss.grpo(), values, type, reference, mask).loss().sub(bonus);
          yield () -> loss;
        }
      };
    }

    private static ScalarLoss policy(
        PolicyLoss loss, Tensor values, ScalarType type, Tensor reference, Tensor mask) {
      Tensor advantages = TestTensors.of(type, new double[] {1, -0.5, 0.25, -1.5}, SEQUENCES);
      return loss.epsilon(0.2, 0.28)
          .klBeta(0.05)
          .apply(
              PolicyBatch.of(values, advantages, mask).old(around(type, 22)).reference(reference));
    }
  }

  private static Tensor hidden(ScalarType type) {
    double[] values = TestTensors.gaussian(11, SEQUENCES * TOKENS * HIDDEN, 1, 0);
    return TestTensors.leaf(type, values, SEQUENCES, TOKENS, HIDDEN);
  }

  private static Tensor weight(ScalarType type) {
    return TestTensors.leaf(type, TestTensors.gaussian(12, VOCAB * HIDDEN, 0.5, 0), VOCAB, HIDDEN);
  }

  private static Tensor bias(ScalarType type) {
    return TestTensors.leaf(type, TestTensors.gaussian(13, VOCAB, 0.5, 0), VOCAB);
  }

  private static Tensor targets() {
    long[] targets = new long[SEQUENCES * TOKENS];
    for (int i = 0; i < targets.length; i++) {
      targets[i] = 7L * i % VOCAB;
    }
    return TestTensors.longs(targets).view(SEQUENCES, TOKENS);
  }

  private static Tensor logProbs(Tensor z, Tensor targets) {
    return z.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1);
  }

  private static Tensor entropies(Tensor z) {
    Tensor logP = z.log_softmax(-1);
    return logP.exp().mul(logP).sum(-1).neg();
  }

  /** The same in double precision, from the f32 (or bf16) numbers. */
  private static final class Composition {
    final Tensor hidden;
    final Tensor weight;
    final Tensor bias;
    final Tensor loss;

    Composition(Head head, Loss family, Tensor h, Tensor w, Tensor b) {
      hidden = leaf(h);
      weight = leaf(w);
      bias = b == null ? null : leaf(b);
      Tensor z = head.logits(hidden, weight, bias);
      loss = family.of(FusedLinearTest.logProbs(z, targets()), entropies(z)).loss();
      loss.backward();
    }

    private static Tensor leaf(Tensor x) {
      return x.detach().to(ScalarType.Double).clone().set_requires_grad(true);
    }
  }

  private static void close(String what, Tensor expected, Tensor found, double tolerance) {
    assertArrayEquals(TestTensors.doubles(expected), TestTensors.doubles(found), tolerance, what);
  }

  private static void compare(Head head, Loss family, long rows, boolean frozen, boolean local) {
    String what = head + " " + family + " rows " + rows + (frozen ? " frozen" : " trainable");
    Tensor h = hidden(ScalarType.Float);
    Tensor w = weight(ScalarType.Float).set_requires_grad(!frozen);
    Tensor b = head.bias() ? bias(ScalarType.Float).set_requires_grad(!frozen) : null;
    FusedLinear fused = head.fused(w, b, rows).entropy(family.usesEntropy());
    FusedLoss<ScalarLoss> result =
        local
            ? fused.tokenLoss(h, targets(), p -> family.of(p.values(), entropy(family, p)))
            : fused.loss(h, targets(), p -> family.of(p.values(), entropy(family, p)));
    result.backward();
    Composition exact = new Composition(head, family, h, w, b);
    assertEquals(TestTensors.scalar(exact.loss), TestTensors.scalar(result.loss()), FLOAT, what);
    close(what + " d_hidden", exact.hidden.grad(), h.grad(), FLOAT);
    if (frozen) {
      assertFalse(w.grad().defined(), what);
      return;
    }
    close(what + " d_weight", exact.weight.grad(), w.grad(), FLOAT);
    if (b != null) {
      close(what + " d_bias", exact.bias.grad(), b.grad(), FLOAT);
    }
  }

  private static Tensor entropy(Loss family, FusedLogProbs logProbs) {
    return family.usesEntropy() ? logProbs.entropy() : null;
  }

  @ParameterizedTest
  @EnumSource(PairLossKind.class)
  void everyPairLossEqualsTheComposition(PairLossKind kind) {
    for (boolean frozen : new boolean[] {false, true}) {
      compare(Head.FULL, pairLoss(kind), 3, frozen, false);
    }
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void lossesAndGradientsEqualTheComposition(Family family) {
    for (Head head : new Head[] {Head.PLAIN, Head.FULL}) {
      for (long rows : ROW_BUDGETS) {
        for (boolean frozen : new boolean[] {false, true}) {
          compare(head, family, rows, frozen, false);
          if (family.isTokenLocal()) {
            compare(head, family, rows, frozen, true);
          }
        }
      }
    }
  }

  @Test
  void valuesEntropyAndLogSumExpEqualTheComposition() {
    for (long rows : ROW_BUDGETS) {
      Tensor h = hidden(ScalarType.Float);
      Tensor w = weight(ScalarType.Float);
      Tensor b = bias(ScalarType.Float);
      FusedLogProbs found =
          Head.FULL.fused(w, b, rows).entropy(true).logSumExp2x(true).logProbs(h, targets());
      Tensor z =
          Head.FULL.logits(
              h.detach().to(ScalarType.Double),
              w.detach().to(ScalarType.Double),
              b.detach().to(ScalarType.Double));
      close("values", logProbs(z, targets()), found.values(), FLOAT);
      close("entropy", entropies(z), found.entropy(), FLOAT);
      close("log_sum_exp", z.logsumexp(2), found.logSumExp(), FLOAT);
      close("2x", z.mul(new Scalar(2.0)).logsumexp(2), found.logSumExp2x(), FLOAT);
    }
  }

  @Test
  void aLossBuiltOutsideGoesBackThroughTheHiddenStatesGraph() {
    Tensor x = hidden(ScalarType.Float);
    Tensor mix = TestTensors.of(ScalarType.Float, TestTensors.gaussian(14, 49, 0.5, 0), 7, 7);
    Tensor w = weight(ScalarType.Float);
    Tensor b = bias(ScalarType.Float);
    FusedLogProbs found = Head.FULL.fused(w, b, 3).entropy(true).logProbs(x.matmul(mix), targets());
    Family.ENTROPY_BONUS.of(found.values(), found.entropy()).loss().backward();
    found.backwardThrough();

    Tensor exactX = Composition.leaf(x);
    Tensor exactW = Composition.leaf(w);
    Tensor exactB = Composition.leaf(b);
    Tensor z = Head.FULL.logits(exactX.matmul(mix.to(ScalarType.Double)), exactW, exactB);
    Family.ENTROPY_BONUS.of(logProbs(z, targets()), entropies(z)).loss().backward();
    close("x", exactX.grad(), x.grad(), FLOAT);
    close("weight", exactW.grad(), w.grad(), FLOAT);
    close("bias", exactB.grad(), b.grad(), FLOAT);
  }

  @Test
  void scaledAndAccumulatedLossesScaleAllGradients() {
    Tensor h = hidden(ScalarType.Float);
    Tensor w = weight(ScalarType.Float);
    for (int i = 0; i < 2; i++) {
      Head.PLAIN
          .fused(w, null, 3)
          .tokenLoss(h, targets(), p -> Family.GRPO.of(p.values(), null))
          .loss()
          .mul(new Scalar(0.5))
          .backward();
    }
    Composition exact = new Composition(Head.PLAIN, Family.GRPO, h, w, null);
    close("d_hidden", exact.hidden.grad(), h.grad(), FLOAT);
    close("d_weight", exact.weight.grad(), w.grad(), FLOAT);
  }

  @Test
  void gradientsOfTheHeadMayBeAddedToTheCallersMemory() {
    Tensor h = hidden(ScalarType.Float);
    Tensor w = weight(ScalarType.Float).set_requires_grad(false);
    Tensor b = bias(ScalarType.Float).set_requires_grad(false);
    Tensor dWeight = torch.ones(VOCAB, HIDDEN);
    Tensor dBias = torch.ones(VOCAB);
    Tensor memory = torch.empty(3 * VOCAB + 5);
    Head.FULL
        .fused(w, b, 1)
        .logitBuffer(memory)
        .accumulateInto(dWeight, dBias)
        .loss(h, targets(), p -> Family.SIGMOID.of(p.values(), null))
        .backward();
    Composition exact = new Composition(Head.FULL, Family.SIGMOID, h, w, b);
    close("d_hidden", exact.hidden.grad(), h.grad(), FLOAT);
    close("d_weight", exact.weight.grad(), dWeight.sub(new Scalar(1.0)), FLOAT);
    close("d_bias", exact.bias.grad(), dBias.sub(new Scalar(1.0)), FLOAT);
    assertFalse(w.grad().defined());
  }

  @Test
  void ignoredTokensGiveZeroAndNoGradient() {
    Tensor targets = targets();
    targets.view(-1).narrow(0, 4, 9).fill_(new Scalar(-100));
    for (boolean frozen : new boolean[] {false, true}) {
      Tensor h = hidden(ScalarType.Float);
      Tensor w = weight(ScalarType.Float).set_requires_grad(!frozen);
      FusedLoss<ScalarLoss> loss =
          Head.PLAIN.fused(w, null, 3).loss(h, targets, p -> Family.NLL.of(p.values(), null));
      loss.backward();
      double[] values = TestTensors.doubles(loss.logProbs().values());
      double[] gradient = TestTensors.doubles(h.grad());
      for (int i = 0; i < SEQUENCES * TOKENS; i++) {
        boolean ignored = i >= 4 && i < 13;
        assertEquals(ignored, values[i] == 0, "token " + i);
        double sum = 0;
        for (int k = 0; k < HIDDEN; k++) {
          sum += Math.abs(gradient[i * HIDDEN + k]);
        }
        assertEquals(ignored || MASK[i] == 0, sum == 0, "token " + i);
      }
    }
  }

  @Test
  void referencesAndInformationGain() {
    Tensor clean = hidden(ScalarType.Float).detach();
    Tensor blank = clean.mul(new Scalar(0.5));
    Tensor w = weight(ScalarType.Float);
    FusedLinear head = Head.PLAIN.fused(w, null, 3);
    Tensor reference = head.score(blank, targets());
    assertFalse(reference.requires_grad());
    Tensor exactW = w.detach().to(ScalarType.Double);
    Tensor exactBlank =
        logProbs(Head.PLAIN.logits(blank.to(ScalarType.Double), exactW, null), targets());
    Tensor exactClean =
        logProbs(Head.PLAIN.logits(clean.to(ScalarType.Double), exactW, null), targets());
    close("reference", exactBlank, reference, FLOAT);
    close(
        "gain",
        exactClean.sub(exactBlank),
        head.informationGain(clean, blank, targets()),
        2 * FLOAT);
  }

  /** Both ways of multiplying, whatever this processor's own. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bfloat16IsAsCloseAsTheNaiveComposition(boolean widened) {
    boolean before = WidenedProducts.pay(weight(ScalarType.BFloat16));
    WidenedProducts.assume(ScalarType.BFloat16, widened);
    try {
      bfloat16IsAsCloseAsTheNaiveComposition();
    } finally {
      WidenedProducts.assume(ScalarType.BFloat16, before);
    }
  }

  private static void bfloat16IsAsCloseAsTheNaiveComposition() {
    for (Family family : new Family[] {Family.SIGMOID, Family.GRPO}) {
      for (boolean frozen : new boolean[] {false, true}) {
        Tensor h = hidden(ScalarType.BFloat16);
        Tensor w = weight(ScalarType.BFloat16).set_requires_grad(!frozen);
        Tensor naiveH = h.detach().clone().set_requires_grad(true);
        Tensor naiveW = w.detach().clone().set_requires_grad(true);
        Tensor z = Head.PLAIN.logits(naiveH, naiveW, null);
        family.of(logProbs(z, targets()).to(ScalarType.Float), null).loss().backward();
        Composition exact = new Composition(Head.PLAIN, family, h, w, null);
        Head.PLAIN
            .fused(w, null, 3)
            .loss(h, targets(), p -> family.of(p.values(), null))
            .backward();
        assertEquals(ScalarType.BFloat16.value, h.grad().scalar_type().value);
        atMostTwice(family + " d_hidden", exact.hidden.grad(), h.grad(), naiveH.grad());
        if (!frozen) {
          atMostTwice(family + " d_weight", exact.weight.grad(), w.grad(), naiveW.grad());
        }
      }
    }
  }

  private static void atMostTwice(String what, Tensor exact, Tensor found, Tensor naive) {
    double error = largest(exact, found);
    double yardstick = largest(exact, naive);
    assertTrue(error <= 2 * yardstick, what + ": " + error + " where naive is " + yardstick);
  }

  private static double largest(Tensor exact, Tensor found) {
    return TestTensors.scalar(found.detach().to(ScalarType.Double).sub(exact).abs().max());
  }

  @Test
  void explicitFormsWriteIntoTheCallersTensors() {
    Tensor h = hidden(ScalarType.Float);
    Tensor w = weight(ScalarType.Float);
    Tensor b = bias(ScalarType.Float);
    FusedLinear head = Head.FULL.fused(w, b, 3);
    Tensor values = torch.empty(SEQUENCES, TOKENS);
    Tensor logSumExp = torch.empty(SEQUENCES, TOKENS);
    Tensor entropy = torch.empty(SEQUENCES, TOKENS);
    head.logProbsInto(h, targets(), values, logSumExp, null, entropy);
    values.set_requires_grad(true);
    Family.GRPO.of(values, null).loss().backward();
    Tensor dHidden = torch.empty(SEQUENCES, TOKENS, HIDDEN);
    Tensor dWeight = torch.zeros(VOCAB, HIDDEN);
    Tensor dBias = torch.zeros(VOCAB);
    head.backwardInto(
        h, targets(), logSumExp, entropy, values.grad(), null, dHidden, dWeight, dBias);
    Composition exact = new Composition(Head.FULL, Family.GRPO, h, w, b);
    close("d_hidden", exact.hidden.grad(), dHidden, FLOAT);
    close("d_weight", exact.weight.grad(), dWeight, FLOAT);
    close("d_bias", exact.bias.grad(), dBias, FLOAT);
    assertFalse(w.grad().defined());
  }

  @Test
  void theFunctionSeesOneChunkMoreWithEveryCall() {
    List<Integer> known = new ArrayList<>();
    Head.PLAIN
        .fused(weight(ScalarType.Float), null, 8)
        .tokenLoss(
            hidden(ScalarType.Float),
            targets(),
            p -> {
              known.add((int) TestTensors.scalar(p.values().detach().ne(new Scalar(0.0)).sum()));
              return Family.NLL.of(p.values(), null);
            });
    assertEquals(List.of(8, 16, 20), known);
  }

  @Test
  void aLossThatTiesTokensTogetherIsRefusedWhereTheyComeInChunks() {
    for (long rows : new long[] {8, 1000}) {
      FusedLinear head = Head.PLAIN.fused(weight(ScalarType.Float), null, rows);
      org.junit.jupiter.api.function.Executable call =
          () ->
              head.tokenLoss(
                  hidden(ScalarType.Float), targets(), p -> Family.SIGMOID.of(p.values(), null));
      if (rows == 1000) {
        assertDoesNotThrow(call);
        continue;
      }
      String text = assertThrows(IllegalStateException.class, call).getMessage();
      assertTrue(text.startsWith("FusedLinear: tokenLoss: expected a loss whose"), text);
    }
  }

  @Test
  void withoutGradientModeNothingIsDifferentiated() {
    Tensor h = hidden(ScalarType.Float);
    try (NoGradGuard guard = new NoGradGuard()) {
      FusedLoss<ScalarLoss> loss =
          Head.PLAIN
              .fused(weight(ScalarType.Float), null, 3)
              .loss(h, targets(), p -> Family.SIGMOID.of(p.values(), null));
      assertFalse(loss.loss().requires_grad());
    }
    Composition exact =
        new Composition(Head.PLAIN, Family.SIGMOID, h, weight(ScalarType.Float), null);
    assertTrue(exact.loss.requires_grad());
  }

  @Test
  void noTokensGiveZeroGradients() {
    Tensor h = torch.zeros(0, HIDDEN).set_requires_grad(true);
    Tensor w = weight(ScalarType.Float);
    Tensor none = TestTensors.longs(new long[] {1}).narrow(0, 0, 0);
    FusedLinear head = FusedLinear.head(w);
    head.loss(h, none, p -> () -> p.values().sum()).backward();
    head.tokenLoss(h, none, p -> () -> p.values().sum()).backward();
    close("d_weight", torch.zeros(VOCAB, HIDDEN), w.grad(), 0);
    assertEquals(0, h.grad().numel());
  }

  @Test
  void chunksAreEvenAndNeverLargerThanTheBudget() {
    FusedLinear head = FusedLinear.head(weight(ScalarType.Float)).logitBudget(100 * VOCAB * 4);
    assertEquals(100 * VOCAB * 4, head.logitBytes(100));
    assertEquals(64 * VOCAB * 4, head.logitBytes(120)); // two chunks of 60, rounded up to 16s
    assertEquals(100 * VOCAB * 4, head.logitBytes(199));
    assertEquals(7 * VOCAB * 4, head.logitBytes(7));
  }

  @Test
  void errorsNameTheArgument() {
    FusedLinear head = FusedLinear.head(weight(ScalarType.Float));
    invalid(
        "FusedLinear: logitBudget: expected at least the 148 bytes of one token's logits, found 147",
        () -> head.logitBudget(147));
    invalid(
        "FusedLinear: weight: expected dtype float32 or bfloat16, found Double [37, 7]",
        () -> FusedLinear.head(weight(ScalarType.Double)));
    invalid(
        "FusedLinear: hidden: expected [..., H] with H = 7 in the dtype of the weight, found BFloat16"
            + " [4, 5, 7]",
        () -> head.score(hidden(ScalarType.BFloat16), targets()));
    invalid(
        "FusedLinear: targets: expected the shape of hidden without its last dimension, found Long"
            + " [20]",
        () -> head.score(hidden(ScalarType.Float), targets().view(20)));
    invalid(
        "FusedLinear: bias: expected [V] with V = 37, found Float [4]",
        () -> head.bias(torch.zeros(4)));
    invalid(
        "FusedLinear: dWeight: expected float32 in the shape of the weight, found Float [4]",
        () -> head.accumulateInto(torch.zeros(4), null));
    assertEquals(
        "FusedLinear: values: expected a gradient, found none; call backward() on a loss made from"
            + " the log-probs or the entropy first",
        assertThrows(
                IllegalStateException.class,
                () -> head.logProbs(hidden(ScalarType.Float), targets()).backwardThrough())
            .getMessage());
    Tensor wrong = targets();
    wrong.view(-1).narrow(0, 3, 1).fill_(new Scalar(VOCAB));
    invalid(
        "eqp_token_log_probs_forward: targets: expected 0 <= target < 37 or ignore_index -100, found"
            + " 37 in row 3",
        () -> head.score(hidden(ScalarType.Float), wrong));
  }

  private static void invalid(String text, org.junit.jupiter.api.function.Executable call) {
    assertEquals(text, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
