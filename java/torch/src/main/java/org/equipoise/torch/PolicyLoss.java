package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PolicyLossKernel;
import org.equipoise.kernels.PolicyNormalizer;
import org.equipoise.torch.adapter.TorchAdapter;

/**
 * Clipped policy-gradient surrogate with a KL term to a reference (PPO/GRPO family).
 *
 * <pre>{@code
 * ratio      = exp(log_prob - old_log_prob),  A = advantage
 * surrogate  = -min(ratio A, clip(ratio, 1 - epsilon_low, 1 + epsilon_high) A)
 * k3         = exp(ref - log_prob) - (ref - log_prob) - 1
 * token_loss = surrogate + kl_beta k3
 * grpo       (1/S) sum_i w_i (sum_t m token_loss) / len_i                arXiv 2402.03300
 * drGrpo     sum_i w_i sum_t m token_loss / (S max_completion_length)    arXiv 2503.20783
 * dapo       sum_i w_i sum_t m token_loss / max(1, total_tokens)         arXiv 2503.14476
 * }</pre>
 *
 * {@code negativeLogProbFloor} is Equipoise's own: the surrogate of a token with A &lt; 0 and
 * log-prob below the floor is 0, value and gradient; its KL stays. Log-probs are [sequences,
 * tokens] f32, f64 or bf16, advantages [sequences] or [sequences, tokens] f32 (f64 with f64), the
 * mask bool or uint8. Masked tokens may hold anything and get gradient exactly 0. Immutable and
 * thread-safe.
 */
public final class PolicyLoss {
  private static final int METRICS = 6;

  private final PolicyLossKernel kernel;

  private PolicyLoss(PolicyLossKernel kernel) {
    this.kernel = kernel;
  }

  /** Sequence means averaged; epsilons 0.2, no KL, no floor. */
  public static PolicyLoss grpo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyLossKernel.grpo());
  }

  /** Divided by sequences times this length (at least 1). */
  public static PolicyLoss drGrpo(double maxCompletionLength) {
    TorchLibrary.require();
    return new PolicyLoss(PolicyLossKernel.drGrpo(maxCompletionLength));
  }

  /** Divided by the unmasked tokens of the call, or of the global batch ({@link #totalTokens}). */
  public static PolicyLoss dapo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyLossKernel.dapo());
  }

  /** Clip range [1 - low, 1 + high]; low in [0, 1], high at least 0, infinity allowed. */
  public PolicyLoss epsilon(double low, double high) {
    return new PolicyLoss(kernel.epsilon(low, high));
  }

  /** Weight of the k3 estimate of the KL; needs reference log-probs when positive. */
  public PolicyLoss klBeta(double value) {
    return new PolicyLoss(kernel.klBeta(value));
  }

  /** Tokens with A &lt; 0 below this log-prob are not pushed further; at most 0. */
  public PolicyLoss negativeLogProbFloor(double value) {
    return new PolicyLoss(kernel.negativeLogProbFloor(value));
  }

  /** DAPO: tokens of the global batch; 0 means those of the call. */
  public PolicyLoss totalTokens(double value) {
    return new PolicyLoss(kernel.totalTokens(value));
  }

  public PolicyNormalizer normalizer() {
    return kernel.normalizer();
  }

  public double epsilonLow() {
    return kernel.epsilonLow();
  }

  public double epsilonHigh() {
    return kernel.epsilonHigh();
  }

  public double klBeta() {
    return kernel.klBeta();
  }

  public double negativeLogProbFloor() {
    return kernel.negativeLogProbFloor();
  }

  public double maxCompletionLength() {
    return kernel.maxCompletionLength();
  }

  public double totalTokens() {
    return kernel.totalTokens();
  }

  /** {@link #apply(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)} with all weights 1. */
  public Result apply(
      Tensor logProbs,
      Tensor oldLogProbs,
      Tensor referenceLogProbs,
      Tensor advantages,
      Tensor mask) {
    return apply(logProbs, oldLogProbs, referenceLogProbs, advantages, mask, null);
  }

  /**
   * The loss, attached to the graph of the log-probs (first order only).
   *
   * @param logProbs [sequences, tokens]
   * @param oldLogProbs like {@code logProbs}; null: ratio 1 with its gradient intact, clip inert
   * @param referenceLogProbs like {@code logProbs}; may be null when {@code klBeta} is 0
   * @param advantages [sequences] or [sequences, tokens]
   * @param mask [sequences, tokens]
   * @param sequenceWeights [sequences], dtype of the advantages; null: ones
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public Result apply(
      Tensor logProbs,
      Tensor oldLogProbs,
      Tensor referenceLogProbs,
      Tensor advantages,
      Tensor mask,
      Tensor sequenceWeights) {
    Tensor loss = new Tensor();
    Tensor details = new Tensor();
    TorchLibrary.check(
        TorchAdapter.eqp_torch_policy_loss(
            kernel.abi(),
            logProbs,
            oldLogProbs,
            referenceLogProbs,
            advantages,
            mask,
            sequenceWeights,
            loss,
            details));
    return new Result(loss, details);
  }

  /**
   * Everything into the caller's tensors, outside of autograd; allocates nothing. Only {@code loss}
   * is required among the outputs.
   *
   * @param metrics [6]: clip low, clip high, KL, ratio, floored, tokens
   */
  public void applyInto(
      Tensor logProbs,
      Tensor oldLogProbs,
      Tensor referenceLogProbs,
      Tensor advantages,
      Tensor mask,
      Tensor sequenceWeights,
      Tensor loss,
      Tensor sequenceLosses,
      Tensor metrics,
      Tensor dLogProbs) {
    TorchLibrary.check(
        TorchAdapter.eqp_torch_policy_loss_into(
            kernel.abi(),
            logProbs,
            oldLogProbs,
            referenceLogProbs,
            advantages,
            mask,
            sequenceWeights,
            loss,
            sequenceLosses,
            metrics,
            dLogProbs));
  }

  /** What one call gave. Its tensors belong to the pointer scope of the call. */
  public static final class Result {
    private final Tensor loss;
    private final Tensor details;

    private Result(Tensor loss, Tensor details) {
      this.loss = loss;
      this.details = details;
    }

    /** 0-dimensional f32 (f64 for f64 log-probs), attached to the log-probs' graph. */
    public Tensor loss() {
      return loss;
    }

    /** {@code loss().backward()}. */
    public void backward() {
      loss.backward();
    }

    /** The weighted share of each sequence [sequences], without gradient; they sum to the loss. */
    public Tensor sequenceLosses() {
      return details.narrow(0, METRICS, details.numel() - METRICS);
    }

    /** Reads the metrics; synchronises with the device. */
    public PolicyMetrics metrics() {
      try (PointerScope scope = new PointerScope()) {
        double[] m = Tensors.doubles(details.narrow(0, 0, METRICS));
        return new PolicyMetrics(m[0], m[1], m[2], m[3], m[4], m[5]);
      }
    }
  }
}
