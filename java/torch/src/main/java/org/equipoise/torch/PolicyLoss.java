package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.PolicyLossSettings;
import org.equipoise.kernels.PolicyPresets;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_policy_loss_options;
import org.equipoise.torch.adapter.TorchAdapter;
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
 * with A &lt; 0 and log-prob below the floor is 0, value and gradient; its KL stays. {@link
 * EntropyThreshold} finds the threshold of the top-entropy mask. Immutable and thread-safe.
 */
public final class PolicyLoss extends PolicyLossSettings<PolicyLoss> {
  private static final int METRICS = EquipoiseAbi.EQP_POLICY_METRIC_COUNT;

  private PolicyLoss(eqp_policy_loss_options options) {
    super(options);
  }

  @Override
  protected PolicyLoss with(eqp_policy_loss_options changed) {
    return new PolicyLoss(changed);
  }

  /** Clipped ratios, sequence means averaged; epsilons 0.2, no KL. */
  public static PolicyLoss grpo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.grpo());
  }

  /** As {@link #grpo()}, divided by sequences times this length (at least 1). */
  public static PolicyLoss drGrpo(double maxCompletionLength) {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.drGrpo(maxCompletionLength));
  }

  /**
   * As {@link #grpo()}, divided by the unmasked tokens of the global batch ({@link #totalTokens}).
   */
  public static PolicyLoss dapo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.dapo());
  }

  /** As {@link #grpo()}, divided by the unmasked tokens of the call. */
  public static PolicyLoss bnpo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.bnpo());
  }

  /** One ratio a sequence; epsilons 3e-4 and 4e-4, those of GSPO's paper. */
  public static PolicyLoss gspo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.gspo());
  }

  /**
   * As {@link #gspo()} with the gradient of each token's own ratio: advantages may differ by token.
   */
  public static PolicyLoss gspoToken() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.gspoToken());
  }

  /** As {@link #gspo()}, each sequence times its length. */
  public static PolicyLoss luspo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.luspo());
  }

  /** Held ratios of at most 5 (TRL), divided by the tokens of the global batch. */
  public static PolicyLoss cispo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.cispo());
  }

  /** Held ratios within [0.8, 1.2] (verl), divided by the tokens of the global batch. */
  public static PolicyLoss cispoRelative() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.cispoRelative());
  }

  /** A soft gate in place of the clip, temperatures 1 and 1.05; sequence means averaged. */
  public static PolicyLoss sapo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.sapo());
  }

  /**
   * Held weights by sequence, (k, lambda) = (2, 3) and (3, 2); divided by the tokens of the global
   * batch.
   */
  public static PolicyLoss vespo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.vespo());
  }

  /** The geometric mean of ratios whose logs are within 0.4 of 0; sequences averaged. */
  public static PolicyLoss gmpo() {
    TorchLibrary.require();
    return new PolicyLoss(PolicyPresets.gmpo());
  }

  /**
   * The loss, attached to the graphs of the log-probs and, with an entropy coefficient, of the
   * entropy (first order only).
   *
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public Result apply(PolicyBatch<Tensor> batch) {
    Tensor loss = new Tensor();
    Tensor details = new Tensor();
    TorchLibrary.check(
        TorchAdapter.eqp_torch_policy_loss(
            abi(),
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
            details));
    return new Result(loss, details);
  }

  /**
   * Everything into the caller's tensors, outside of autograd; allocates nothing. Only {@code loss}
   * is required among the outputs.
   *
   * @param metrics [EQP_POLICY_METRIC_COUNT], in the order of {@link PolicyMetrics}
   */
  public void applyInto(
      PolicyBatch<Tensor> batch,
      Tensor loss,
      @Nullable Tensor sequenceLosses,
      @Nullable Tensor metrics,
      @Nullable Tensor dLogProbs,
      @Nullable Tensor dEntropy) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_policy_loss_into(
            abi(),
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
            dEntropy),
        loss,
        sequenceLosses,
        metrics,
        dLogProbs,
        dEntropy);
  }

  /** What one call gave. Its tensors belong to the pointer scope of the call. */
  public static final class Result implements ScalarLoss {
    private final Tensor loss;
    private final Tensor details;

    private Result(Tensor loss, Tensor details) {
      this.loss = loss;
      this.details = details;
    }

    /** 0-dimensional f32 (f64 for f64 log-probs), attached to the log-probs' graph. */
    @Override
    public Tensor loss() {
      return alive("loss", loss);
    }

    /** {@code loss().backward()}. */
    public void backward() {
      loss().backward();
    }

    /** The share of each sequence [sequences], without gradient; they sum to the loss. */
    public Tensor sequenceLosses() {
      return alive("details", details)
          .narrow(0, METRICS, alive("details", details).numel() - METRICS);
    }

    /** Reads the metrics; synchronises with the device. */
    public PolicyMetrics metrics() {
      try (PointerScope scope = new PointerScope()) {
        return PolicyMetrics.of(Tensors.doubles(alive("details", details).narrow(0, 0, METRICS)));
      }
    }
  }
}
