package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Losses and graphs that a head in chunks could silently get wrong: right, or refused. */
class FusedLinearGraphTest {
  private static final int TOKENS = 12;
  private static final int HIDDEN = 5;
  private static final int VOCAB = 19;
  private static final long[] ROWS = {1, 5, TOKENS};

  private PointerScope scope;
  private Tensor weight;
  private Tensor hidden;
  private Tensor targets;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    weight = leaf(1, VOCAB);
    hidden = leaf(2, TOKENS);
    int[] ids = new int[TOKENS];
    java.util.Arrays.setAll(ids, k -> 5 * k % VOCAB);
    targets = TestTensors.ints(ids);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor leaf(long seed, int rows) {
    return TestTensors.leaf(
        ScalarType.Float, TestTensors.gaussian(seed, rows * HIDDEN, 0.7, 0), rows, HIDDEN);
  }

  private FusedLinear head(long rows) {
    return FusedLinear.head(weight).entropy(true).logitBudget(rows * VOCAB * 4);
  }

  private static ScalarLoss policyLoss(FusedLogProbs p) {
    Tensor advantages = TestTensors.of(ScalarType.Float, new double[] {1, -0.5, 0.3}, 3);
    Tensor mask = torch.ones(3, 4).to(ScalarType.Bool);
    Tensor threshold = TestTensors.of(ScalarType.Float, new double[] {2.6});
    return PolicyLoss.grpo()
        .entropyCoefficient(0.5)
        .apply(
            PolicyBatch.of(p.values().view(3, 4), advantages, mask)
                .entropy(p.entropy().view(3, 4), threshold));
  }

  /** The gradients that a loss leaves in hidden states and head. */
  private double[][] gradients(Runnable loss) {
    weight.mutable_grad().reset();
    hidden.mutable_grad().reset();
    loss.run();
    return new double[][] {TestTensors.doubles(hidden.grad()), TestTensors.doubles(weight.grad())};
  }

  private static void assertSame(double[][] expected, double[][] found) {
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], found[i], 2e-6);
    }
  }

  @Test
  void tokenLossesWhoseEntropyTermsDependOnOtherTokensAreRefused() {
    Function<FusedLogProbs, ScalarLoss> meanOfAll =
        p -> () -> p.entropy().mean().sub(new Scalar(1.0)).square();
    Function<FusedLogProbs, ScalarLoss> variance = p -> () -> p.entropy().var(true);
    Function<FusedLogProbs, ScalarLoss> withLogProbs =
        p -> () -> p.values().sum().add(p.entropy().var(true));
    for (Function<FusedLogProbs, ScalarLoss> loss :
        java.util.List.of(meanOfAll, variance, withLogProbs, FusedLinearGraphTest::policyLoss)) {
      for (long rows : new long[] {1, 5}) {
        String text =
            assertThrows(
                    IllegalStateException.class, () -> head(rows).tokenLoss(hidden, targets, loss))
                .getMessage();
        assertTrue(text.contains("a token's entropy depends on no other token"), text);
      }
      double[][] whole =
          gradients(() -> head(TOKENS).tokenLoss(hidden, targets, loss).loss().backward());
      for (long rows : ROWS) {
        assertSame(
            whole, gradients(() -> head(rows).loss(hidden, targets, loss).loss().backward()));
      }
    }
  }

  @Test
  void tokenLossesOfTheEntropyAloneAreRight() {
    Function<FusedLogProbs, ScalarLoss> sum = p -> () -> p.entropy().square().sum();
    double[][] whole = gradients(() -> head(TOKENS).loss(hidden, targets, sum).loss().backward());
    for (long rows : ROWS) {
      assertSame(
          whole, gradients(() -> head(rows).tokenLoss(hidden, targets, sum).loss().backward()));
    }
  }

  @Test
  void lossesWithNaNRowsAreNoReasonToRefuse() {
    Function<FusedLogProbs, ScalarLoss> loss =
        p -> () -> p.values().sum().add(p.values().select(0, 0).mul(new Scalar(Double.NaN)));
    head(5).tokenLoss(hidden, targets, loss);
  }

  /** What the rows that do not count hold: NaN must end where it began. */
  @ParameterizedTest
  @ValueSource(longs = {1, 5, 100})
  void whatIgnoredAndMaskedTokensHoldDoesNotSpread(long rows) {
    int[] ids = new int[TOKENS];
    java.util.Arrays.setAll(ids, k -> k == 3 || k == 7 ? -100 : 5 * k % VOCAB);
    Tensor someIgnored = TestTensors.ints(ids);
    int[] counts = new int[TOKENS];
    java.util.Arrays.setAll(counts, k -> k == 4 || k == 11 ? 0 : 1);
    Tensor mask = TestTensors.mask(counts, 3, 4);
    Tensor advantages = TestTensors.of(ScalarType.Float, new double[] {1, -0.5, 0.3}, 3);
    Tensor zeros = hidden.detach().clone();
    Tensor broken = hidden.detach().clone();
    for (int token : new int[] {3, 7, 4, 11}) {
      zeros.select(0, token).fill_(new Scalar(0.0));
      broken.select(0, token).fill_(new Scalar(token == 7 ? Float.POSITIVE_INFINITY : Float.NaN));
    }
    Function<FusedLogProbs, ScalarLoss> loss =
        p -> PolicyLoss.grpo().apply(PolicyBatch.of(p.values().view(3, 4), advantages, mask));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      for (boolean frozen : new boolean[] {false, true}) {
        for (boolean entropy : new boolean[] {false, true}) {
          for (String way : new String[] {"loss", "tokenLoss", "logProbs", "accumulateInto"}) {
            if (frozen && way.equals("accumulateInto")) {
              continue;
            }
            double[][] expected = null;
            for (Tensor states : new Tensor[] {zeros, broken}) {
              Tensor h = states.to(type).clone().set_requires_grad(true);
              Tensor w = weight.detach().to(type).clone().set_requires_grad(!frozen);
              Tensor b = torch.ones(VOCAB).set_requires_grad(!frozen);
              FusedLinear head =
                  FusedLinear.head(w)
                      .bias(b)
                      .entropy(entropy)
                      .logitBudget(rows * VOCAB * w.element_size());
              Tensor dWeight = torch.zeros(VOCAB, HIDDEN);
              Tensor dBias = torch.zeros(VOCAB);
              Tensor value;
              if (way.equals("logProbs")) {
                FusedLogProbs p = head.logProbs(h, someIgnored);
                value = loss.apply(p).loss();
                value.backward();
                p.backwardThrough();
              } else {
                if (way.equals("accumulateInto")) {
                  head = head.accumulateInto(dWeight, dBias);
                }
                FusedLoss<ScalarLoss> fused =
                    way.equals("tokenLoss")
                        ? head.tokenLoss(h, someIgnored, loss)
                        : head.loss(h, someIgnored, loss);
                fused.backward();
                value = fused.loss();
              }
              boolean ofHead = !frozen && !way.equals("accumulateInto");
              double[][] found = {
                TestTensors.doubles(value),
                TestTensors.doubles(h.grad()),
                TestTensors.doubles(ofHead ? w.grad() : dWeight),
                TestTensors.doubles(ofHead ? b.grad() : dBias)
              };
              if (expected == null) {
                expected = found;
              }
              for (int i = 0; i < found.length; i++) {
                assertArrayEquals(
                    expected[i],
                    found[i],
                    1e-12,
                    way + " " + type + (frozen ? " frozen" : "") + " part " + i);
              }
            }
          }
        }
      }
    }
  }

  @Test
  void aBufferThatTheLossFunctionUsesAgainIsFilledAnew() {
    Tensor buffer = torch.empty(5 * VOCAB);
    Tensor other = leaf(3, TOKENS);
    FusedLinear shared = FusedLinear.head(weight).logitBuffer(buffer);
    FusedLinear alone = FusedLinear.head(weight).logitBudget(5 * VOCAB * 4);
    FusedLinear second = FusedLinear.head(leaf(4, VOCAB)).logitBuffer(buffer);
    for (FusedLinear inner : new FusedLinear[] {shared, second}) {
      Function<FusedLogProbs, ScalarLoss> loss =
          p -> () -> p.values().mul(inner.score(other, targets)).sum();
      double[][] expected = gradients(() -> alone.loss(hidden, targets, loss).loss().backward());
      assertSame(expected, gradients(() -> shared.loss(hidden, targets, loss).loss().backward()));
      assertSame(
          expected, gradients(() -> shared.tokenLoss(hidden, targets, loss).loss().backward()));
    }
  }

  /** A temperature or a weight that is learnt beside the model. */
  @Test
  void otherLeavesOfTheLossGetTheirGradientOnceAndWithTheRest() {
    Tensor scale = TestTensors.leaf(ScalarType.Float, new double[] {0.7}, 1);
    Function<FusedLogProbs, ScalarLoss> loss =
        p -> () -> p.values().sum().mul(scale).squeeze().add(p.entropy().sum());
    double expected = TestTensors.doubles(head(TOKENS).score(hidden, targets).sum())[0];
    for (long rows : ROWS) {
      for (boolean byToken : new boolean[] {false, true}) {
        scale.mutable_grad().reset();
        FusedLoss<ScalarLoss> fused =
            byToken
                ? head(rows).tokenLoss(hidden, targets, loss)
                : head(rows).loss(hidden, targets, loss);
        assertFalse(scale.grad().defined());
        fused.loss().mul(new Scalar(3.0)).backward();
        assertArrayEquals(
            new double[] {3 * expected}, TestTensors.doubles(scale.grad()), 1e-4, "rows " + rows);
      }
    }
  }

  @Test
  void hiddenStatesAndHeadOfOneGraphGetTheirGradientsTogether() {
    Tensor embedding = leaf(5, VOCAB);
    Tensor low = leaf(6, HIDDEN);
    Tensor tied = embedding.add(embedding.matmul(low));
    Tensor input = tied.index_select(0, targets.to(ScalarType.Long)).tanh();
    FusedLogProbs fused =
        FusedLinear.head(tied).logitBudget(4 * VOCAB * 4).logProbs(input, targets);
    fused.values().sum().backward();
    fused.backwardThrough();
    double[] found = TestTensors.doubles(embedding.grad());
    double[] foundLow = TestTensors.doubles(low.grad());
    embedding.mutable_grad().reset();
    low.mutable_grad().reset();
    Tensor again = embedding.add(embedding.matmul(low));
    Tensor states = again.index_select(0, targets.to(ScalarType.Long)).tanh();
    states
        .matmul(again.t())
        .log_softmax(1)
        .gather(1, targets.to(ScalarType.Long).unsqueeze(1))
        .sum()
        .backward();
    assertArrayEquals(TestTensors.doubles(embedding.grad()), found, 1e-5);
    assertArrayEquals(TestTensors.doubles(low.grad()), foundLow, 2e-5);
  }

  @Test
  void gradientsAreCarriedOnOnce() {
    FusedLogProbs fused = head(5).logProbs(hidden, targets);
    fused.values().sum().backward();
    fused.backwardThrough();
    double[] once = TestTensors.doubles(hidden.grad());
    assertThrows(IllegalStateException.class, fused::backwardThrough);
    assertArrayEquals(once, TestTensors.doubles(hidden.grad()));
    assertFalse(fused.values().grad().defined());
  }
}
