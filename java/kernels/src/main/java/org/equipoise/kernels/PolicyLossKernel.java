package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_policy_loss_options;
import org.jspecify.annotations.Nullable;

/**
 * A policy-gradient loss over token log-probs, with gradient: the PPO/GRPO family.
 *
 * <pre>{@code
 * w = log_prob - old, or its mean over the sequence;  q = exp(w),  A = advantage
 * clip   -min(q A, clip(q, 1 - epsilon_low, 1 + epsilon_high) A)
 * cispo  -sg(clip(q)) A log_prob            sapo  -A sigmoid(tau (q - 1)) 4 / tau
 * vespo  -sg(phi(product of q)) A log_prob  gmpo  -A (geometric mean of clipped q)
 * token_loss = (masks and corrections) surrogate + kl_beta KL
 * }</pre>
 *
 * The normaliser makes one number of the tokens' losses. Tokens with mask 0 may hold anything and
 * get gradient exactly 0. {@code negativeLogProbFloor} is Equipoise's own: the surrogate of a token
 * with A &lt; 0 and log-prob below the floor is 0, value and gradient; its KL stays. Immutable and
 * thread-safe.
 */
public final class PolicyLossKernel extends PolicyLossSettings<PolicyLossKernel> {
  private PolicyLossKernel(eqp_policy_loss_options options) {
    super(options);
  }

  @Override
  protected PolicyLossKernel with(eqp_policy_loss_options changed) {
    return new PolicyLossKernel(changed);
  }

  /** Clipped ratios, sequence means averaged; epsilons 0.2, no KL. */
  public static PolicyLossKernel grpo() {
    return new PolicyLossKernel(PolicyPresets.grpo());
  }

  /** As {@link #grpo()}, divided by sequences times this length (at least 1). */
  public static PolicyLossKernel drGrpo(double maxCompletionLength) {
    return new PolicyLossKernel(PolicyPresets.drGrpo(maxCompletionLength));
  }

  /**
   * As {@link #grpo()}, divided by the unmasked tokens of the global batch ({@link #totalTokens}).
   */
  public static PolicyLossKernel dapo() {
    return new PolicyLossKernel(PolicyPresets.dapo());
  }

  /** As {@link #grpo()}, divided by the unmasked tokens of the call. */
  public static PolicyLossKernel bnpo() {
    return new PolicyLossKernel(PolicyPresets.bnpo());
  }

  /** One ratio a sequence; epsilons 3e-4 and 4e-4, those of GSPO's paper. */
  public static PolicyLossKernel gspo() {
    return new PolicyLossKernel(PolicyPresets.gspo());
  }

  /**
   * As {@link #gspo()} with the gradient of each token's own ratio: advantages may differ by token.
   */
  public static PolicyLossKernel gspoToken() {
    return new PolicyLossKernel(PolicyPresets.gspoToken());
  }

  /** As {@link #gspo()}, each sequence times its length. */
  public static PolicyLossKernel luspo() {
    return new PolicyLossKernel(PolicyPresets.luspo());
  }

  /** Held ratios of at most 5 (TRL), divided by the tokens of the global batch. */
  public static PolicyLossKernel cispo() {
    return new PolicyLossKernel(PolicyPresets.cispo());
  }

  /** Held ratios within [0.8, 1.2] (verl), divided by the tokens of the global batch. */
  public static PolicyLossKernel cispoRelative() {
    return new PolicyLossKernel(PolicyPresets.cispoRelative());
  }

  /** A soft gate in place of the clip, temperatures 1 and 1.05; sequence means averaged. */
  public static PolicyLossKernel sapo() {
    return new PolicyLossKernel(PolicyPresets.sapo());
  }

  /**
   * Held weights by sequence, (k, lambda) = (2, 3) and (3, 2); divided by the tokens of the global
   * batch.
   */
  public static PolicyLossKernel vespo() {
    return new PolicyLossKernel(PolicyPresets.vespo());
  }

  /** The geometric mean of ratios whose logs are within 0.4 of 0; sequences averaged. */
  public static PolicyLossKernel gmpo() {
    return new PolicyLossKernel(PolicyPresets.gmpo());
  }

  /**
   * {@link #applyInto(PolicyBatch, TensorView, TensorView, TensorView, TensorView, TensorView,
   * Launch)} on the CPU.
   */
  public void applyInto(
      PolicyBatch<TensorView> batch,
      TensorView loss,
      @Nullable TensorView sequenceLosses,
      @Nullable TensorView metrics,
      @Nullable TensorView dLogProbs,
      @Nullable TensorView dEntropy) {
    applyInto(batch, loss, sequenceLosses, metrics, dLogProbs, dEntropy, null);
  }

  /**
   * Loss, details and gradients in one call, on the stream and with the scratch memory of {@code
   * launch}. On CUDA it returns when the work is queued; errors in data come with the next {@link
   * CudaStream#synchronize()} or {@link Launch#check()}.
   *
   * @param loss [] or [1] f32 (f64 with f64), written
   * @param sequenceLosses [sequences], written; may be null; they sum to the loss
   * @param metrics [EQP_POLICY_METRIC_COUNT], written; may be null; the header names them
   * @param dLogProbs like the log-probs, written; may be null
   * @param dEntropy like the entropy, written; may be null
   * @param launch null: the CPU, or CUDA's default stream where no scratch memory is needed
   */
  public void applyInto(
      PolicyBatch<TensorView> batch,
      TensorView loss,
      @Nullable TensorView sequenceLosses,
      @Nullable TensorView metrics,
      @Nullable TensorView dLogProbs,
      @Nullable TensorView dEntropy,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(
          batch.logProbs(),
          batch.old(),
          batch.reference(),
          batch.sampler(),
          batch.advantages(),
          batch.mask(),
          batch.truncated(),
          batch.sequenceWeights(),
          batch.entropy(),
          batch.entropyThreshold(),
          loss,
          sequenceLosses,
          metrics,
          dLogProbs,
          dEntropy);
    }
    Status.check(
        EquipoiseAbi.eqp_policy_loss(
            abi(),
            batch.logProbs().abi(),
            TensorView.abi(batch.old()),
            TensorView.abi(batch.reference()),
            TensorView.abi(batch.sampler()),
            batch.advantages().abi(),
            batch.mask().abi(),
            TensorView.abi(batch.truncated()),
            TensorView.abi(batch.sequenceWeights()),
            TensorView.abi(batch.entropy()),
            TensorView.abi(batch.entropyThreshold()),
            loss.abi(),
            TensorView.abi(sequenceLosses),
            TensorView.abi(metrics),
            TensorView.abi(dLogProbs),
            TensorView.abi(dEntropy),
            Launch.abi(launch)));
  }
}
