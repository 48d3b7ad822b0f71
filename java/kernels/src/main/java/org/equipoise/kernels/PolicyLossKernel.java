package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_policy_loss_options;

/**
 * Clipped policy-gradient surrogate with a KL term to a reference, with gradient (PPO/GRPO family).
 *
 * <pre>{@code
 * ratio      = exp(log_prob - old_log_prob),  A = advantage
 * surrogate  = -min(ratio A, clip(ratio, 1 - epsilon_low, 1 + epsilon_high) A)
 * k3         = exp(ref - log_prob) - (ref - log_prob) - 1
 * token_loss = surrogate + kl_beta k3
 * }</pre>
 *
 * {@code negativeLogProbFloor} is Equipoise's own: the surrogate of a token with A &lt; 0 and
 * log-prob below the floor is 0, value and gradient; its KL stays. Masked tokens may hold anything
 * and get gradient exactly 0. Immutable and thread-safe.
 */
public final class PolicyLossKernel {
  private final PolicyNormalizer normalizer;
  private final double epsilonLow;
  private final double epsilonHigh;
  private final double klBeta;
  private final double negativeLogProbFloor;
  private final double maxCompletionLength;
  private final double totalTokens;
  private final eqp_policy_loss_options options;

  private PolicyLossKernel(
      PolicyNormalizer normalizer,
      double epsilonLow,
      double epsilonHigh,
      double klBeta,
      double negativeLogProbFloor,
      double maxCompletionLength,
      double totalTokens) {
    this.normalizer = normalizer;
    this.epsilonLow = epsilonLow;
    this.epsilonHigh = epsilonHigh;
    this.klBeta = klBeta;
    this.negativeLogProbFloor = negativeLogProbFloor;
    this.maxCompletionLength = maxCompletionLength;
    this.totalTokens = totalTokens;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_policy_loss_options());
    EquipoiseAbi.eqp_policy_loss_options_init(options);
    options.normalizer(normalizer.code());
    options.epsilon_low(epsilonLow);
    options.epsilon_high(epsilonHigh);
    options.kl_beta(klBeta);
    options.negative_log_prob_floor(negativeLogProbFloor);
    options.max_completion_length(maxCompletionLength);
    options.total_tokens(totalTokens);
  }

  /** Sequence means averaged; epsilons 0.2, no KL, no floor. */
  public static PolicyLossKernel grpo() {
    return new PolicyLossKernel(PolicyNormalizer.GRPO, 0.2, 0.2, 0, Double.NEGATIVE_INFINITY, 0, 0);
  }

  /** Divided by sequences times this length (at least 1). */
  public static PolicyLossKernel drGrpo(double maxCompletionLength) {
    return new PolicyLossKernel(
        PolicyNormalizer.DR_GRPO, 0.2, 0.2, 0, Double.NEGATIVE_INFINITY, maxCompletionLength, 0);
  }

  /** Divided by the unmasked tokens of the call, or of the global batch ({@link #totalTokens}). */
  public static PolicyLossKernel dapo() {
    return new PolicyLossKernel(PolicyNormalizer.DAPO, 0.2, 0.2, 0, Double.NEGATIVE_INFINITY, 0, 0);
  }

  /** Clip range [1 - low, 1 + high]; low in [0, 1], high at least 0, infinity allowed. */
  public PolicyLossKernel epsilon(double low, double high) {
    return new PolicyLossKernel(
        normalizer, low, high, klBeta, negativeLogProbFloor, maxCompletionLength, totalTokens);
  }

  /**
   * Weight of the k3 estimate of the KL to the reference; needs reference log-probs when positive.
   */
  public PolicyLossKernel klBeta(double value) {
    return new PolicyLossKernel(
        normalizer,
        epsilonLow,
        epsilonHigh,
        value,
        negativeLogProbFloor,
        maxCompletionLength,
        totalTokens);
  }

  /** Tokens with A &lt; 0 below this log-prob are not pushed further; at most 0. */
  public PolicyLossKernel negativeLogProbFloor(double value) {
    return new PolicyLossKernel(
        normalizer, epsilonLow, epsilonHigh, klBeta, value, maxCompletionLength, totalTokens);
  }

  /** DAPO: tokens of the global batch; 0 means those of the call. */
  public PolicyLossKernel totalTokens(double value) {
    return new PolicyLossKernel(
        normalizer,
        epsilonLow,
        epsilonHigh,
        klBeta,
        negativeLogProbFloor,
        maxCompletionLength,
        value);
  }

  public PolicyNormalizer normalizer() {
    return normalizer;
  }

  public double epsilonLow() {
    return epsilonLow;
  }

  public double epsilonHigh() {
    return epsilonHigh;
  }

  public double klBeta() {
    return klBeta;
  }

  public double negativeLogProbFloor() {
    return negativeLogProbFloor;
  }

  public double maxCompletionLength() {
    return maxCompletionLength;
  }

  public double totalTokens() {
    return totalTokens;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_policy_loss_options abi() {
    return options;
  }

  /**
   * Loss, details and gradient in one call.
   *
   * @param logProbs [sequences, tokens] f32, f64 or bf16
   * @param oldLogProbs like {@code logProbs}; null: ratio 1 with its gradient intact, clip inert
   * @param referenceLogProbs like {@code logProbs}; may be null when {@code klBeta} is 0
   * @param advantages [sequences] or [sequences, tokens] f32 (f64 with f64 log-probs)
   * @param mask [sequences, tokens] bool or u8
   * @param sequenceWeights [sequences], dtype of the advantages; null: ones
   * @param loss [] or [1] f32 (f64 with f64), written
   * @param sequenceLosses [sequences], written; may be null; they sum to the loss
   * @param metrics [6], written; may be null: clip low, clip high, KL, ratio, floored, tokens
   * @param dLogProbs gradient of the loss, written; may be null
   */
  public void applyInto(
      TensorView logProbs,
      TensorView oldLogProbs,
      TensorView referenceLogProbs,
      TensorView advantages,
      TensorView mask,
      TensorView sequenceWeights,
      TensorView loss,
      TensorView sequenceLosses,
      TensorView metrics,
      TensorView dLogProbs) {
    applyInto(
        logProbs,
        oldLogProbs,
        referenceLogProbs,
        advantages,
        mask,
        sequenceWeights,
        loss,
        sequenceLosses,
        metrics,
        dLogProbs,
        null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors in data come with the next {@link CudaStream#synchronize()} or
   * {@link Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView logProbs,
      TensorView oldLogProbs,
      TensorView referenceLogProbs,
      TensorView advantages,
      TensorView mask,
      TensorView sequenceWeights,
      TensorView loss,
      TensorView sequenceLosses,
      TensorView metrics,
      TensorView dLogProbs,
      Launch launch) {
    if (launch != null) {
      launch.retain(
          logProbs,
          oldLogProbs,
          referenceLogProbs,
          advantages,
          mask,
          sequenceWeights,
          loss,
          sequenceLosses,
          metrics,
          dLogProbs);
    }
    Status.check(
        EquipoiseAbi.eqp_policy_loss(
            options,
            logProbs.abi(),
            TensorView.abi(oldLogProbs),
            TensorView.abi(referenceLogProbs),
            advantages.abi(),
            mask.abi(),
            TensorView.abi(sequenceWeights),
            loss.abi(),
            TensorView.abi(sequenceLosses),
            TensorView.abi(metrics),
            TensorView.abi(dLogProbs),
            Launch.abi(launch)));
  }
}
