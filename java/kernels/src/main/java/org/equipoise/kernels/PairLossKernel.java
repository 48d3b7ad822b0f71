package org.equipoise.kernels;

import java.util.List;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;
import org.jspecify.annotations.Nullable;

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
    return new PairLossKernel(PairPresets.of(kind));
  }

  /** A weighted sum of 1 to 8 kinds with one beta, 0.1. */
  public static PairLossKernel sum(PairTerm... terms) {
    return new PairLossKernel(PairPresets.sum(List.of(terms)));
  }

  /** DPO, arXiv 2305.18290. */
  public static PairLossKernel sigmoid() {
    return new PairLossKernel(PairPresets.sigmoid());
  }

  /** DPO whose labels are flipped with this probability in [0, 0.5): conservative DPO. */
  public static PairLossKernel cdpo(double labelSmoothing) {
    return new PairLossKernel(PairPresets.cdpo(labelSmoothing));
  }

  /**
   * DPO unbiased under labels that are flipped with this probability in [0, 0.5), arXiv 2403.00409.
   */
  public static PairLossKernel robust(double labelSmoothing) {
    return new PairLossKernel(PairPresets.robust(labelSmoothing));
  }

  /** DPO of log-ratios averaged over the tokens, as TRL's sigmoid_norm. */
  public static PairLossKernel sigmoidNorm() {
    return new PairLossKernel(PairPresets.sigmoidNorm());
  }

  /** IPO, arXiv 2310.12036, averaged over the tokens as TRL does. */
  public static PairLossKernel ipo() {
    return new PairLossKernel(PairPresets.ipo());
  }

  /** SLiC's hinge, arXiv 2305.10425. */
  public static PairLossKernel hinge() {
    return new PairLossKernel(PairPresets.hinge());
  }

  /** EXO, arXiv 2402.00856, with its paper's label smoothing 1e-3. */
  public static PairLossKernel exoPair() {
    return new PairLossKernel(PairPresets.exoPair());
  }

  /** NCA, arXiv 2402.05369. */
  public static PairLossKernel ncaPair() {
    return new PairLossKernel(PairPresets.ncaPair());
  }

  /** BCO of pairs without a shift, arXiv 2404.04656. */
  public static PairLossKernel bcoPair() {
    return new PairLossKernel(PairPresets.bcoPair());
  }

  /** SPPO with hard labels, arXiv 2405.00675. */
  public static PairLossKernel sppoHard() {
    return new PairLossKernel(PairPresets.sppoHard());
  }

  /** Alignment by optimal transport of pairs, arXiv 2406.05882: sorts over the batch. */
  public static PairLossKernel aot() {
    return new PairLossKernel(PairPresets.aot());
  }

  /** As {@link #aot()}, of answers that need not belong together. */
  public static PairLossKernel aotUnpaired() {
    return new PairLossKernel(PairPresets.aotUnpaired());
  }

  /** APO-zero, arXiv 2408.06266: for chosen answers better than the model's own. */
  public static PairLossKernel apoZero() {
    return new PairLossKernel(PairPresets.apoZero());
  }

  /** APO-down, arXiv 2408.06266: for chosen answers worse than the model's own. */
  public static PairLossKernel apoDown() {
    return new PairLossKernel(PairPresets.apoDown());
  }

  /** DiscoPOP, arXiv 2406.08414, tau 0.05. */
  public static PairLossKernel discopop() {
    return new PairLossKernel(PairPresets.discopop());
  }

  /** The negative log-likelihood of the chosen answers, averaged over the batch's tokens. */
  public static PairLossKernel sft() {
    return new PairLossKernel(PairPresets.sft());
  }

  /**
   * CPO, arXiv 2401.08417, with a likelihood term of this weight (TRL's cpo_alpha, there 1); takes
   * no reference.
   */
  public static PairLossKernel cpo(double likelihoodWeight) {
    return new PairLossKernel(PairPresets.cpo(likelihoodWeight));
  }

  /**
   * SimPO, arXiv 2405.14734, with TRL's beta 0.1 and gamma 0.5 (the paper: 2 to 2.5 and 0.3 to
   * 1.6); takes no reference.
   */
  public static PairLossKernel simPo() {
    return new PairLossKernel(PairPresets.simPo());
  }

  /**
   * AlphaPO, arXiv 2501.03884: SimPO with the reward (1 - p^-alpha) / alpha; takes no reference.
   */
  public static PairLossKernel alphaPo(double alpha) {
    return new PairLossKernel(PairPresets.alphaPo(alpha));
  }

  /**
   * ORPO, arXiv 2403.07691, with its likelihood term: over the chosen answer, where TRL's also
   * counts the prompt. beta is the weight of the odds ratio. Takes no reference.
   */
  public static PairLossKernel orpo() {
    return new PairLossKernel(PairPresets.orpo());
  }

  /** Bytes of workspace that a call on these log-probs needs: on the CPU 0 but for AOT. */
  public long workspaceBytes(TensorView policyChosen) {
    long[] bytes = new long[1];
    Status.check(EquipoiseAbi.eqp_pair_loss_workspace_size(abi(), policyChosen.abi(), bytes));
    return bytes[0];
  }

  /** The form without {@link Launch}: on the CPU, not for AOT. */
  public void applyInto(
      PairBatch<TensorView> batch,
      TensorView loss,
      @Nullable TensorView pairLosses,
      @Nullable TensorView rewardsChosen,
      @Nullable TensorView rewardsRejected,
      @Nullable TensorView metrics,
      @Nullable TensorView dChosen,
      @Nullable TensorView dRejected) {
    applyInto(
        batch, loss, pairLosses, rewardsChosen, rewardsRejected, metrics, dChosen, dRejected, null);
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
      @Nullable TensorView pairLosses,
      @Nullable TensorView rewardsChosen,
      @Nullable TensorView rewardsRejected,
      @Nullable TensorView metrics,
      @Nullable TensorView dChosen,
      @Nullable TensorView dRejected,
      @Nullable Launch launch) {
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
