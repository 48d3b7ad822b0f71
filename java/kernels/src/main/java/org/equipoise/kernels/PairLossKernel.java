package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;

/**
 * Losses over (chosen, rejected) pairs from token log-probabilities, with gradient.
 *
 * <pre>{@code
 * c = sum_t mask policy_chosen,  r likewise;  delta_c = c - c_ref,  delta_r = r - r_ref
 * delta = delta_c - delta_r;  reward_chosen = beta delta_c,  reward_rejected = beta delta_r
 * loss = mean over pairs of the kind's formula (PairLossKind)
 * }</pre>
 *
 * Masked tokens may hold anything and get gradient exactly 0. Immutable and thread-safe.
 */
public final class PairLossKernel {
  private final PairLossKind kind;
  private final double beta;
  private final double labelSmoothing;
  private final eqp_pair_loss_options options;

  private PairLossKernel(PairLossKind kind, double beta, double labelSmoothing) {
    this.kind = kind;
    this.beta = beta;
    this.labelSmoothing = labelSmoothing;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_pair_loss_options());
    EquipoiseAbi.eqp_pair_loss_options_init(options);
    options.kind(kind.code());
    options.beta(beta);
    options.label_smoothing(labelSmoothing);
  }

  /** The kind with beta 0.1 and no label smoothing. */
  public static PairLossKernel of(PairLossKind kind) {
    return new PairLossKernel(kind, 0.1, 0);
  }

  /** Inverse temperature of the implicit reward; finite and positive. */
  public PairLossKernel beta(double value) {
    return new PairLossKernel(kind, value, labelSmoothing);
  }

  /** Probability in [0, 0.5) that a label is flipped; only for {@link PairLossKind#SIGMOID}. */
  public PairLossKernel labelSmoothing(double value) {
    return new PairLossKernel(kind, beta, value);
  }

  public PairLossKind kind() {
    return kind;
  }

  public double beta() {
    return beta;
  }

  public double labelSmoothing() {
    return labelSmoothing;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_pair_loss_options abi() {
    return options;
  }

  /**
   * Loss, details and gradients in one call.
   *
   * @param policyChosen [pairs, tokens chosen] f32, f64 or bf16
   * @param policyRejected [pairs, tokens rejected], same dtype
   * @param referenceChosen like {@code policyChosen}; null together with the rejected one: zeros
   * @param referenceRejected like {@code policyRejected}
   * @param maskChosen bool or u8
   * @param maskRejected bool or u8
   * @param loss [] or [1] f32 (f64 for f64 inputs), written
   * @param pairLosses [pairs], written; may be null
   * @param rewardsChosen [pairs], written; may be null
   * @param rewardsRejected [pairs], written; may be null
   * @param metrics [6], written; may be null: accuracy, margin, rewards, summed log-probs
   * @param dPolicyChosen gradient of the loss, written; may be null
   * @param dPolicyRejected gradient of the loss, written; may be null
   */
  public void applyInto(
      TensorView policyChosen,
      TensorView policyRejected,
      TensorView referenceChosen,
      TensorView referenceRejected,
      TensorView maskChosen,
      TensorView maskRejected,
      TensorView loss,
      TensorView pairLosses,
      TensorView rewardsChosen,
      TensorView rewardsRejected,
      TensorView metrics,
      TensorView dPolicyChosen,
      TensorView dPolicyRejected) {
    applyInto(
        policyChosen,
        policyRejected,
        referenceChosen,
        referenceRejected,
        maskChosen,
        maskRejected,
        loss,
        pairLosses,
        rewardsChosen,
        rewardsRejected,
        metrics,
        dPolicyChosen,
        dPolicyRejected,
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
      TensorView policyChosen,
      TensorView policyRejected,
      TensorView referenceChosen,
      TensorView referenceRejected,
      TensorView maskChosen,
      TensorView maskRejected,
      TensorView loss,
      TensorView pairLosses,
      TensorView rewardsChosen,
      TensorView rewardsRejected,
      TensorView metrics,
      TensorView dPolicyChosen,
      TensorView dPolicyRejected,
      Launch launch) {
    if (launch != null) {
      launch.retain(
          policyChosen,
          policyRejected,
          referenceChosen,
          referenceRejected,
          maskChosen,
          maskRejected,
          loss,
          pairLosses,
          rewardsChosen,
          rewardsRejected,
          metrics,
          dPolicyChosen,
          dPolicyRejected);
    }
    Status.check(
        EquipoiseAbi.eqp_pair_loss(
            options,
            policyChosen.abi(),
            policyRejected.abi(),
            TensorView.abi(referenceChosen),
            TensorView.abi(referenceRejected),
            maskChosen.abi(),
            maskRejected.abi(),
            loss.abi(),
            TensorView.abi(pairLosses),
            TensorView.abi(rewardsChosen),
            TensorView.abi(rewardsRejected),
            TensorView.abi(metrics),
            TensorView.abi(dPolicyChosen),
            TensorView.abi(dPolicyRejected),
            Launch.abi(launch)));
  }
}
