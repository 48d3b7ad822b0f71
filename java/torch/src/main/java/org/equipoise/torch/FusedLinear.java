package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A language-model head and what is computed from its logits, without the logits: hidden states
 * become token log-probs, losses and gradients chunk by chunk, and never more logits are held than
 * a budget.
 *
 * <pre>{@code
 * logits = hidden weight^T + bias                               [tokens, V], never whole
 * z, values, entropy, ...: see TokenLogProbs (logit scale, soft cap, temperature)
 * d_hidden = d_logits weight       d_weight = d_logits^T hidden       d_bias = sum_tokens d_logits
 * }</pre>
 *
 * <pre>{@code
 * FusedLinear head = FusedLinear.head(weight).softCap(30).logitBudget(256L << 20);
 * Tensor reference = head.score(referenceHidden, targets);
 * FusedLoss<PolicyLoss.Result> loss = head.tokenLoss(hidden, targets, logProbs ->
 *     PolicyLoss.grpo().klBeta(0.04).apply(
 *         PolicyBatch.of(logProbs.values(), advantages, mask).old(old).reference(reference)));
 * loss.backward();                                  // into the graph that made the hidden states
 * }</pre>
 *
 * Matrix products of {@code tokens x V x H}: {@link #score} takes one; {@link #tokenLoss}, and
 * {@link #loss} with a frozen head, one and one more for each gradient; {@link #loss} with a
 * trainable head one more for the logits, except for the chunk that is still in the buffer.
 *
 * <p>hidden is [..., H] in the dtype of the weight [V, H], f32 or bf16; targets int32 or int64
 * [...]; log-probs come in the shape of the targets. Any strides; what is not a matrix of rows is
 * copied first. The gradient of the weight is summed in f32 and given to autograd once per call, in
 * the weight's dtype. bf16: a chunk's products are rounded to bf16 once, as LibTorch's are.
 * Immutable and thread-safe unless it was given memory ({@link #logitBuffer}, {@link
 * #accumulateInto}).
 */
public final class FusedLinear {
  private static final long DEFAULT_BUDGET = 256L << 20;

  private final Tensor weight;
  private final Tensor bias;
  private final TokenLogProbsOptions options;
  private final long budget;
  private final Tensor buffer;
  private final Tensor weightGradient;
  private final Tensor biasGradient;

  private FusedLinear(
      Tensor weight,
      Tensor bias,
      TokenLogProbsOptions options,
      long budget,
      Tensor buffer,
      Tensor weightGradient,
      Tensor biasGradient) {
    this.weight = weight;
    this.bias = bias;
    this.options = options;
    this.budget = budget;
    this.buffer = buffer;
    this.weightGradient = weightGradient;
    this.biasGradient = biasGradient;
  }

  /**
   * A head without bias, 256 MiB of logits at a time.
   *
   * @param weight [V, H] f32 or bf16; frozen unless it requires grad. It must outlive the head, as
   *     the other tensors that the head is given must: afterwards calls are refused.
   */
  public static FusedLinear head(Tensor weight) {
    TorchLibrary.require();
    FusedArguments.require(weight.dim() == 2, "weight", "[V, H]", weight);
    int type = weight.scalar_type().value;
    FusedArguments.require(
        type == ScalarType.Float.value || type == ScalarType.BFloat16.value,
        "weight",
        "dtype float32 or bfloat16",
        weight);
    FusedArguments.require(weight.numel() > 0, "weight", "at least one row and column", weight);
    return new FusedLinear(
        weight, null, TokenLogProbsOptions.defaults(), DEFAULT_BUDGET, null, null, null);
  }

  /** Added to the logits: [V], f32 or the dtype of the weight; null for none. */
  public FusedLinear bias(Tensor value) {
    FusedArguments.require(
        value == null || (value.dim() == 1 && value.size(0) == weight().size(0)),
        "bias",
        "[V] with V = " + weight.size(0),
        value);
    return new FusedLinear(weight, value, options, budget, buffer, weightGradient, biasGradient);
  }

  private FusedLinear options(TokenLogProbsOptions value) {
    return new FusedLinear(weight, bias, value, budget, buffer, weightGradient, biasGradient);
  }

  /** Multiplies logits and bias, before the soft cap; finite and positive. */
  public FusedLinear logitScale(double value) {
    return options(options.logitScale(value));
  }

  /** Bounds the logits smoothly to (-value, value); finite and positive, or 0 for no cap. */
  public FusedLinear softCap(double value) {
    return options(options.softCap(value));
  }

  /** Divides the logits, after the soft cap; finite and positive. */
  public FusedLinear temperature(double value) {
    return options(options.temperature(value));
  }

  /**
   * The target that marks tokens to leave out: they give 0 and no gradient. Their hidden states,
   * and those of tokens that a loss masks, may hold anything, NaN included.
   */
  public FusedLinear ignoreIndex(long value) {
    return options(options.ignoreIndex(value));
  }

  /** Whether to compute the entropy of each token, differentiably. */
  public FusedLinear entropy(boolean value) {
    return options(options.entropy(value));
  }

  /** Whether to compute {@code ln sum_j exp(2 z_j)} (WPO weights). */
  public FusedLinear logSumExp2x(boolean value) {
    return options(options.logSumExp2x(value));
  }

  /**
   * The most bytes of logits that are held at a time.
   *
   * @throws IllegalArgumentException if the logits of one token are more
   */
  public FusedLinear logitBudget(long bytes) {
    long row = weight().size(0) * weight.element_size();
    if (bytes < row) {
      throw new IllegalArgumentException(
          "FusedLinear: logitBudget: expected at least the "
              + row
              + " bytes of one token's logits, found "
              + bytes);
    }
    return new FusedLinear(weight, bias, options, bytes, null, weightGradient, biasGradient);
  }

  /**
   * Memory for the logits, kept by the caller from call to call; its size is the budget.
   *
   * @param memory contiguous, in the dtype and on the device of the weight
   */
  public FusedLinear logitBuffer(Tensor memory) {
    FusedArguments.require(
        Tensors.sameType(memory, weight()) && memory.is_contiguous(),
        "logitBuffer",
        "contiguous memory in the dtype of the weight",
        memory);
    FusedLinear sized = logitBudget(memory.numel() * memory.element_size());
    return new FusedLinear(
        weight, bias, options, sized.budget, memory, weightGradient, biasGradient);
  }

  /**
   * Adds the gradients of weight and bias to the caller's memory during the call, instead of giving
   * them to autograd at {@code backward()}: no second [V, H] tensor is made. They are the gradients
   * of the loss that the loss function returned, whatever it is multiplied by afterwards.
   *
   * @param dWeight [V, H] f32, e.g. the {@code grad} of an f32 weight; null: the weight is frozen
   * @param dBias [V] f32; null: the bias is frozen
   */
  public FusedLinear accumulateInto(@Nullable Tensor dWeight, @Nullable Tensor dBias) {
    FusedArguments.checkGradients(weight(), null, null, dWeight, dBias);
    return new FusedLinear(weight, bias, options, budget, buffer, dWeight, dBias);
  }

  /** Bytes of logits that a call on this many tokens holds at a time. */
  public long logitBytes(long tokens) {
    long row = weight().size(0) * weight.element_size();
    return LogitChunks.rows(tokens, budget / row) * row;
  }

  /**
   * Log-probs f32 in the shape of the targets, without gradient: for references, old policies and
   * scores.
   */
  public Tensor score(Tensor hidden, Tensor targets) {
    return FusedPasses.forward(this, hidden, targets, false).values();
  }

  /**
   * Image information gain per token: how much more likely the target is after {@code clean} hidden
   * states than after {@code blank} ones, in nats. f32 in the shape of the targets, 0 where they
   * are ignored; without gradient.
   */
  public Tensor informationGain(Tensor clean, Tensor blank, Tensor targets) {
    Tensor gain = score(clean, targets);
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      gain.sub_(score(blank, targets));
    }
    return gain;
  }

  /**
   * Log-probs (and what else was asked for) as leaves for a loss that is built outside. After its
   * {@code backward()}, {@link FusedLogProbs#backwardThrough()} carries the gradient on.
   */
  public FusedLogProbs logProbs(Tensor hidden, Tensor targets) {
    return FusedPasses.forward(this, hidden, targets, GradMode.is_enabled());
  }

  /**
   * Any loss of the log-probs of all tokens. With a frozen head and without entropy the logits are
   * computed once: the direction {@code weight^T (onehot - p)} of each token is kept until its
   * coefficient is known. With a trainable head they are computed once more.
   *
   * @param function called once; must depend on the graph through the given log-probs and entropies
   *     alone
   */
  public <R extends ScalarLoss> FusedLoss<R> loss(
      Tensor hidden, Tensor targets, Function<FusedLogProbs, R> function) {
    return FusedPasses.loss(this, hidden, targets, function);
  }

  /**
   * A loss whose derivative with respect to a token's log-prob depends on no other token's
   * log-prob: cross-entropy, policy losses with token-level ratios (grpo, dr_grpo, dapo, cispo,
   * ...; not sequence-level ones). Thresholds over all tokens must be known before. The logits are
   * computed once, with any head.
   *
   * @param function called once for each chunk, with the log-probs (and entropies) of all tokens,
   *     of which those of later chunks are still 0; the last call gives the loss
   * @throws IllegalStateException after the last chunk, if the loss turns out not to be of that
   *     kind
   */
  public <R extends ScalarLoss> FusedLoss<R> tokenLoss(
      Tensor hidden, Tensor targets, Function<FusedLogProbs, R> function) {
    return FusedPasses.tokenLoss(this, hidden, targets, function);
  }

  /**
   * The forward into the caller's tensors, outside of autograd.
   *
   * @param logProbs f32, contiguous, in the shape of the targets, as the others; the sums may be
   *     f64, from which the gradient is exact for logits that share a large offset, too
   * @param logSumExp needed for {@link #backwardInto}; may be null
   * @param logSumExp2x may be null
   * @param entropy may be null
   */
  public void logProbsInto(
      Tensor hidden,
      Tensor targets,
      Tensor logProbs,
      @Nullable Tensor logSumExp,
      @Nullable Tensor logSumExp2x,
      @Nullable Tensor entropy) {
    FusedArguments.check(weight(), hidden, targets);
    try (PointerScope scope = new PointerScope();
        LogitChunks chunks = new LogitChunks(this, hidden, targets)) {
      chunks.forwardAll(TokenRows.flat(targets, logProbs, logSumExp, logSumExp2x, entropy));
    }
  }

  /**
   * The gradients into the caller's tensors, outside of autograd; computes the logits once more.
   *
   * @param logSumExp as written by the forward, and the entropy, which may be null without {@code
   *     dEntropy}
   * @param dLogProbs f32, contiguous, in the shape of the targets; may be null with {@code
   *     dEntropy}
   * @param dEntropy like {@code dLogProbs}; may be null
   * @param dHidden shape and dtype of hidden, contiguous, written; may be null
   * @param dWeight f32 [V, H], added to; may be null
   * @param dBias f32 [V], added to; may be null
   */
  public void backwardInto(
      Tensor hidden,
      Tensor targets,
      @Nullable Tensor logSumExp,
      @Nullable Tensor entropy,
      @Nullable Tensor dLogProbs,
      @Nullable Tensor dEntropy,
      @Nullable Tensor dHidden,
      @Nullable Tensor dWeight,
      @Nullable Tensor dBias) {
    FusedArguments.check(weight(), hidden, targets);
    FusedArguments.checkGradients(weight(), hidden, dHidden, dWeight, dBias);
    try (PointerScope scope = new PointerScope();
        LogitChunks chunks = new LogitChunks(this, hidden, targets)) {
      HeadGradients gradients =
          new HeadGradients(
              dHidden == null ? null : dHidden.view(targets.numel(), weight.size(1)),
              dWeight,
              dBias);
      TokenRows rows = TokenRows.flat(targets, null, logSumExp, null, entropy);
      TokenRows given = TokenRows.flat(targets, dLogProbs, null, null, dEntropy);
      chunks.backwardAll(rows, given.values(), given.entropy(), gradients);
    }
  }

  Tensor weight() {
    return alive("weight", weight);
  }

  Tensor bias() {
    return alive("bias", bias);
  }

  TokenLogProbsOptions options() {
    return options;
  }

  long logitBudget() {
    return budget;
  }

  Tensor logitBuffer() {
    return detached("logitBuffer", buffer);
  }

  boolean accumulates() {
    return weightGradient != null || biasGradient != null;
  }

  Tensor weightGradient() {
    return detached("dWeight", weightGradient);
  }

  Tensor biasGradient() {
    return detached("dBias", biasGradient);
  }

  /** Made for each call: what a builder makes would die with the scope that the builder ran in. */
  private static Tensor detached(String name, Tensor given) {
    return given == null ? null : alive(name, given).detach();
  }
}
