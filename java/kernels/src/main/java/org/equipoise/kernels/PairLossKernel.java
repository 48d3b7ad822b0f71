package org.equipoise.kernels;

import java.util.List;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;

/**
 * Losses over (chosen, rejected) pairs from token log-probabilities, with gradient.
 *
 * <pre>{@code
 * c = sum_t mask policy_chosen,  r likewise;  delta_c = c - c_ref,  delta_r = r - r_ref
 * delta = delta_c - delta_r;  reward_chosen = beta delta_c,  reward_rejected = beta delta_r
 * loss = mean over pairs of the sum of the terms' formulas (PairLossKind)
 * }</pre>
 *
 * Masked tokens may hold anything and get gradient exactly 0. Immutable and thread-safe.
 */
public final class PairLossKernel extends PairLossSettings<PairLossKernel> {
  private PairLossKernel(eqp_pair_loss_options options) {
    super(options);
  }

  @Override
  protected PairLossKernel with(eqp_pair_loss_options changed) {
    return new PairLossKernel(changed);
  }

  /** One kind with beta 0.1. */
  public static PairLossKernel of(PairLossKind kind) {
    return sum(new PairTerm(kind, 1));
  }

  /** A weighted sum of 1 to 8 kinds with one beta, 0.1. */
  public static PairLossKernel sum(PairTerm... terms) {
    return new PairLossKernel(options(List.of(terms)));
  }

  /** Bytes of workspace that a call on these log-probs needs: on the CPU 0 but for AOT. */
  public long workspaceBytes(TensorView policyChosen) {
    long[] bytes = new long[1];
    Status.check(
        EquipoiseAbi.eqp_pair_loss_workspace_size(abi(), policyChosen.abi(), bytes));
    return bytes[0];
  }

  /** The form without {@link Launch}: on the CPU, not for AOT. */
  public void applyInto(
      PairBatch<TensorView> batch,
      TensorView loss,
      TensorView pairLosses,
      TensorView rewardsChosen,
      TensorView rewardsRejected,
      TensorView metrics,
      TensorView dChosen,
      TensorView dRejected) {
    applyInto(
        batch,
        loss,
        pairLosses,
        rewardsChosen,
        rewardsRejected,
        metrics,
        dChosen,
        dRejected,
        null);
  }

  /**
   * Loss, details and gradients in one call, on the stream and with the scratch memory of {@code
   * launch}. On CUDA it returns when the work is queued.
   *
   * @param loss [] or [1] f32 (f64 for f64 inputs), written
   * @param pairLosses [pairs], written; may be null
   * @param rewardsChosen [pairs], written; may be null
   * @param rewardsRejected [pairs], written; may be null
   * @param metrics [6], written; may be null: accuracy, margin, rewards, summed log-probs
   * @param dChosen gradient of the loss, written; may be null
   * @param dRejected gradient of the loss, written; may be null
   * @param launch null: the CPU, where no scratch memory is needed
   */
  public void applyInto(
      PairBatch<TensorView> batch,
      TensorView loss,
      TensorView pairLosses,
      TensorView rewardsChosen,
      TensorView rewardsRejected,
      TensorView metrics,
      TensorView dChosen,
      TensorView dRejected,
      Launch launch) {
    if (launch != null) {
      launch.retain(
          batch.chosen(),
          batch.rejected(),
          batch.referenceChosen(),
          batch.referenceRejected(),
          batch.chosenMask(),
          batch.rejectedMask(),
          batch.weights(),
          loss,
          pairLosses,
          rewardsChosen,
          rewardsRejected,
          metrics,
          dChosen,
          dRejected);
    }
    Status.check(
        EquipoiseAbi.eqp_pair_loss(
            abi(),
            batch.chosen().abi(),
            batch.rejected().abi(),
            TensorView.abi(batch.referenceChosen()),
            TensorView.abi(batch.referenceRejected()),
            batch.chosenMask().abi(),
            batch.rejectedMask().abi(),
            TensorView.abi(batch.weights()),
            loss.abi(),
            TensorView.abi(pairLosses),
            TensorView.abi(rewardsChosen),
            TensorView.abi(rewardsRejected),
            TensorView.abi(metrics),
            TensorView.abi(dChosen),
            TensorView.abi(dRejected),
            Launch.abi(launch)));
  }
}
