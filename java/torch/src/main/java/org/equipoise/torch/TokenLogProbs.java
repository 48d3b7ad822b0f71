package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Token log-probabilities of given targets under a row-wise softmax, with an explicit
 * vector-Jacobian product.
 *
 * <pre>{@code
 * y = logitScale (logits + bias)                                  [rows, vocab]
 * y <- softCap tanh(y / softCap)                                  only if softCap > 0
 * z = y / temperature
 * log_sum_exp[i] = ln sum_j exp(z[i,j])
 * values[i]      = z[i, targets[i]] - log_sum_exp[i]
 * entropy[i]     = -sum_j p[i,j] ln p[i,j],   p = exp(z - log_sum_exp)
 * }</pre>
 *
 * The values are a leaf of the autograd graph: build a loss on them, call {@code loss.backward()},
 * then carry the gradient on to the logits. Nothing of the logits' size is saved beyond the logits
 * themselves:
 *
 * <pre>{@code
 * TokenLogProbs logProbs = TokenLogProbs.forward(logits, targets);
 * lossOf(logProbs.values()).backward();
 * logProbs.backwardThrough();        // d(logits) over the logits' memory, then into their graph
 * }</pre>
 *
 * logits are f32 or bf16 [rows, vocab] with any row stride, targets int32 or int64 [rows]. Not
 * thread-safe; the tensors belong to the innermost {@code PointerScope} at the time of the forward.
 */
public final class TokenLogProbs {
  private final TokenLogProbsOptions options;
  private final Tensor logits;
  private final Tensor bias;
  private final Tensor targets;
  private final Tensor values = new Tensor();
  private final Tensor logSumExp = new Tensor();
  private final Tensor logSumExp2x;
  private final Tensor entropy;

  /** Whether a gradient was written over the logits. */
  private boolean gone;

  private TokenLogProbs(TokenLogProbsOptions options, Tensor logits, Tensor bias, Tensor targets) {
    this.options = options;
    this.logits = logits;
    this.bias = bias;
    this.targets = targets;
    logSumExp2x = options.logSumExp2x() ? new Tensor() : null;
    entropy = options.entropy() ? new Tensor() : null;
    forwardInto(options, logits, bias, targets, values, logSumExp, logSumExp2x, entropy);
  }

  /** {@link #forward(TokenLogProbsOptions, Tensor, Tensor)} with the defaults. */
  public static TokenLogProbs forward(Tensor logits, Tensor targets) {
    return forward(TokenLogProbsOptions.defaults(), logits, targets);
  }

  /**
   * One pass over the logits.
   *
   * @throws IllegalArgumentException naming the argument, what was expected and what was found;
   *     also for a target outside [0, vocab) that is not the ignore index
   */
  public static TokenLogProbs forward(TokenLogProbsOptions options, Tensor logits, Tensor targets) {
    return forward(options, logits, null, targets);
  }

  /**
   * One pass over the logits.
   *
   * @param bias [vocab] f32 or dtype of the logits; may be null. Its gradient is the sum of
   *     d(logits) over the rows.
   * @throws IllegalArgumentException as without bias
   */
  public static TokenLogProbs forward(
      TokenLogProbsOptions options, Tensor logits, @Nullable Tensor bias, Tensor targets) {
    TorchLibrary.require();
    return new TokenLogProbs(options, logits, bias, targets);
  }

  /**
   * The forward into the caller's tensors, outside of autograd. An undefined {@code Tensor} given
   * for an output is allocated. The sums may be f32 or f64: from f64 the gradient is exact for
   * logits that share a large offset, too.
   *
   * @param bias may be null
   * @param logSumExp2x may be null
   * @param entropy may be null
   */
  public static void forwardInto(
      TokenLogProbsOptions options,
      Tensor logits,
      @Nullable Tensor bias,
      Tensor targets,
      Tensor logProbs,
      Tensor logSumExp,
      @Nullable Tensor logSumExp2x,
      @Nullable Tensor entropy) {
    TorchLibrary.require();
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_token_log_probs_forward(
            options.kernel().abi(),
            alive("logits", logits),
            alive("bias", bias),
            alive("targets", targets),
            logProbs,
            logSumExp,
            logSumExp2x,
            entropy),
        logProbs,
        logSumExp,
        logSumExp2x,
        entropy);
  }

  /**
   * The gradient into the caller's tensor, outside of autograd.
   *
   * @param bias as given to the forward
   * @param entropy needed with {@code dEntropy}, otherwise may be null
   * @param dLogProbs [rows] f32; may be null when {@code dEntropy} is given
   * @param dEntropy [rows] f32; may be null when {@code dLogProbs} is given
   * @param dLogits shape and dtype of the logits; may be the logits themselves
   */
  public static void backwardInto(
      TokenLogProbsOptions options,
      Tensor logits,
      @Nullable Tensor bias,
      Tensor targets,
      Tensor logSumExp,
      @Nullable Tensor entropy,
      @Nullable Tensor dLogProbs,
      @Nullable Tensor dEntropy,
      Tensor dLogits) {
    TorchLibrary.require();
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_token_log_probs_backward_into(
            options.kernel().abi(),
            alive("logits", logits),
            alive("bias", bias),
            alive("targets", targets),
            alive("logSumExp", logSumExp),
            alive("entropy", entropy),
            alive("dLogProbs", dLogProbs),
            alive("dEntropy", dEntropy),
            dLogits),
        dLogits);
  }

  /** Log-probabilities [rows] f32; a leaf that requires grad when gradient mode was on. */
  public Tensor values() {
    return alive("values", values);
  }

  /** [rows] f64, without gradient. */
  public Tensor logSumExp() {
    return alive("logSumExp", logSumExp);
  }

  /**
   * [rows] f64, without gradient.
   *
   * @throws IllegalStateException unless the options asked for it
   */
  public Tensor logSumExp2x() {
    return asked(logSumExp2x, "logSumExp2x");
  }

  /**
   * [rows] f32; a leaf that requires grad when gradient mode was on.
   *
   * @throws IllegalStateException unless the options asked for it
   */
  public Tensor entropy() {
    return asked(entropy, "entropy");
  }

  /**
   * Writes d(logits) from the gradients that {@code backward()} left in {@link #values()} and
   * {@link #entropy()}. One read of the logits, one write.
   *
   * @param dLogits shape and dtype of the logits; may be the logits themselves (they are gone
   *     then); an undefined tensor is allocated
   * @throws IllegalArgumentException if neither has a gradient
   * @throws IllegalStateException if an earlier call wrote over the logits
   */
  public void backwardInto(Tensor dLogits) {
    if (gone) {
      throw new IllegalStateException(
          "TokenLogProbs: the logits were overwritten by the gradient of an earlier call; compute"
              + " the log-probs anew, or use backward(), which keeps them");
    }
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_token_log_probs_backward(
            options.kernel().abi(),
            alive("logits", logits),
            alive("bias", bias),
            alive("targets", targets),
            alive("values", values),
            alive("logSumExp", logSumExp),
            alive("entropy", entropy),
            dLogits),
        dLogits);
    gone = dLogits.data_ptr().equals(logits.data_ptr());
  }

  /** d(logits) in new memory. */
  public Tensor backward() {
    Tensor dLogits = new Tensor();
    backwardInto(dLogits);
    return dLogits;
  }

  /**
   * Overwrites the logits' memory with d(logits) and calls {@code logits.backward} with it: the
   * gradient flows on into the graph that made the logits. The logits' values are gone afterwards;
   * use {@link #backward()} when a graph still needs them: an op behind the logits that saved its
   * output (a softmax, an exponential, a tanh cap), or another loss on the same logits. LibTorch
   * refuses to go back through such a graph.
   */
  public void backwardThrough() {
    try (PointerScope scope = new PointerScope()) {
      Tensor dLogits = alive("logits", logits).detach();
      backwardInto(dLogits);
      logits.backward(dLogits, new BoolOptional(), false, new TensorArrayRefOptional());
    }
  }

  private static Tensor asked(Tensor tensor, String name) {
    if (tensor == null) {
      throw new IllegalStateException(
          name + " was not computed: ask for it with TokenLogProbsOptions." + name + "(true)");
    }
    return alive(name, tensor);
  }
}
