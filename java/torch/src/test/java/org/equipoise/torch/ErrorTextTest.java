package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The exact sentences a user reads: op, argument, what was expected, what was found. */
class ErrorTextTest {
  private PointerScope scope;
  private Tensor logits;
  private Tensor targets;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    logits = TestTensors.of(ScalarType.Float, new double[10], 2, 5);
    targets = TestTensors.longs(new long[] {1, 2});
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static void refused(Class<? extends Throwable> type, String text, Executable call) {
    assertEquals(text, assertThrows(type, call).getMessage());
  }

  private static void invalid(String text, Executable call) {
    refused(IllegalArgumentException.class, text, call);
  }

  @Test
  void wrongDtype() {
    invalid(
        "eqp_token_log_probs_forward: logits: expected dtype float32 or bfloat16 or float16, found"
            + " float64",
        () -> TokenLogProbs.forward(logits.to(ScalarType.Double), targets));
    invalid(
        "eqp_token_log_probs_forward: targets: expected dtype int32 or int64, found float32",
        () -> TokenLogProbs.forward(logits, targets.to(ScalarType.Float)));
    refused(
        UnsupportedOperationException.class,
        "eqp_token_log_probs_forward: logits: dtype complex64 is not supported",
        () -> TokenLogProbs.forward(logits.to(ScalarType.ComplexFloat), targets));
  }

  @Test
  void wrongShape() {
    invalid(
        "eqp_token_log_probs_forward: targets: expected shape [2] (from the rows of logits), found"
            + " [3]",
        () -> TokenLogProbs.forward(logits, TestTensors.longs(new long[] {1, 2, 3})));
    invalid(
        "eqp_token_log_probs_forward: logits: expected 2 dimensions, found 1, shape [10]",
        () -> TokenLogProbs.forward(logits.view(10), targets));
    invalid(
        "eqp_group_advantage: group_size: expected a divisor of the 10 samples, found 3",
        () -> GroupAdvantage.trl().apply(logits.view(10), 3));
  }

  @Test
  void innerStrideNotOne() {
    invalid(
        "eqp_token_log_probs_forward: logits: expected inner stride 1, found stride 5 in the last"
            + " of its dimensions [5, 2]; make the tensor contiguous first",
        () -> TokenLogProbs.forward(logits.t(), TestTensors.longs(new long[5])));
  }

  @Test
  void targetOutOfRangeWritesNothing() {
    Tensor values = TestTensors.of(ScalarType.Float, new double[] {7, 7}, 2);
    Tensor lse = TestTensors.of(ScalarType.Float, new double[] {7, 7}, 2);
    invalid(
        "eqp_token_log_probs_forward: targets: expected 0 <= target < 5 or ignore_index -100, found"
            + " 9 in row 1",
        () ->
            TokenLogProbs.forwardInto(
                TokenLogProbsOptions.defaults(),
                logits,
                null,
                TestTensors.longs(new long[] {1, 9}),
                values,
                lse,
                null,
                null));
    assertArrayEquals(new double[] {7, 7}, TestTensors.doubles(values));
    assertArrayEquals(new double[] {7, 7}, TestTensors.doubles(lse));
  }

  @Test
  void decreasingOffsets() {
    invalid(
        "eqp_group_advantage: offsets: expected non-decreasing entries, found 3 after 6 at entry 2",
        () ->
            GroupAdvantage.trl().apply(logits.view(10), TestTensors.ints(new int[] {0, 6, 3, 10})));
  }

  @Test
  void undefinedSparseAndNegatedTensors() {
    invalid(
        "eqp_token_log_probs_forward: logits: expected a tensor, found an undefined one",
        () -> TokenLogProbs.forward(new Tensor(), targets));
    invalid(
        "eqp_token_log_probs_forward: logits: expected a tensor, found NULL",
        () -> TokenLogProbs.forward(null, targets));
    refused(
        UnsupportedOperationException.class,
        "eqp_token_log_probs_forward: logits: expected a strided tensor, found a sparse or opaque"
            + " layout",
        () -> TokenLogProbs.forward(logits.to_sparse(), targets));
    Tensor negated = torch.imag(logits.to(ScalarType.ComplexFloat).conj());
    assertTrue(negated.is_neg());
    refused(
        UnsupportedOperationException.class,
        "eqp_token_log_probs_forward: logits: this tensor is a lazily negated view; call"
            + " resolve_neg() first",
        () -> TokenLogProbs.forward(negated, targets));
    Tensor quantized = torch.quantize_per_tensor(logits, 0.1, 0, ScalarType.QUInt8);
    refused(
        UnsupportedOperationException.class,
        "eqp_token_log_probs_forward: logits: dtype quint8 is not supported",
        () -> TokenLogProbs.forward(quantized, targets));
  }

  @Test
  void optionsOutsideTheirRange() {
    invalid(
        "temperature: expected a finite number > 0, found 0.0",
        () -> TokenLogProbsOptions.defaults().temperature(0));
    Tensor mask = torch.ones(2, 5).to(ScalarType.Bool);
    invalid(
        "eqp_pair_loss: label_smoothing: expected 0 for IPO, found 0.1",
        () -> PairLoss.ipo().labelSmoothing(0.1).apply(PairBatch.of(logits, logits, mask, mask)));
    invalid(
        "eqp_unpaired_loss: kl_log_probs: expected a tensor because kind is KTO, found NULL",
        () -> UnpairedLoss.kto().apply(UnpairedBatch.of(logits, mask, mask.select(1, 0).clone())));
    invalid(
        "eqp_policy_loss: reference_log_probs: expected a tensor because kl_beta is 0.1, found"
            + " NULL",
        () ->
            PolicyLoss.grpo()
                .klBeta(0.1)
                .apply(
                    PolicyBatch.of(
                        logits, TestTensors.of(ScalarType.Float, new double[2], 2), mask)));
  }

  @Test
  void aFailedDifferentiableCallLeavesTheInputUsable() {
    Tensor x = TestTensors.leaf(ScalarType.Float, new double[10], 2, 5);
    Tensor mask = torch.ones(2, 5).to(ScalarType.Bool);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            PolicyLoss.grpo()
                .apply(
                    PolicyBatch.of(x, TestTensors.of(ScalarType.Float, new double[3], 3), mask)));
    PolicyLoss.grpo()
        .apply(PolicyBatch.of(x, TestTensors.of(ScalarType.Float, new double[] {1, 1}, 2), mask))
        .backward();
    for (double g : TestTensors.doubles(x.grad())) {
      assertEquals(-0.1, g, 1e-7);
    }
  }
}
