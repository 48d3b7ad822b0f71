package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_unpaired_loss_options;
import org.jspecify.annotations.Nullable;

/**
 * Losses over single answers labelled desirable or undesirable, from token log-probs, with
 * gradient.
 *
 * <pre>{@code
 * reward = beta sum_t mask (log_prob - reference);  s = 1 (desirable) or -1;  z = what it is compared with
 * loss = mean over answers of weight f(s (reward - z))
 * kto  f(x) = 1 - sigmoid(x), z = beta kl    apo_zero_unpaired  the same, z = 0
 * bco  f(x) = -ls(x), z = running mean of the rewards
 * }</pre>
 *
 * Masked tokens may hold anything and get gradient exactly 0. Answers whose log-ratio is NaN are
 * left out: loss NaN, gradient 0. Immutable and thread-safe.
 */
public final class UnpairedLossKernel extends UnpairedLossSettings<UnpairedLossKernel> {
  private UnpairedLossKernel(eqp_unpaired_loss_options options) {
    super(options);
  }

  @Override
  protected UnpairedLossKernel with(eqp_unpaired_loss_options changed) {
    return new UnpairedLossKernel(changed);
  }

  /** One kind with beta 0.1 and weights 1. */
  public static UnpairedLossKernel of(UnpairedLossKind kind) {
    return new UnpairedLossKernel(UnpairedPresets.of(kind));
  }

  /** KTO, arXiv 2402.01306: needs mismatched answers. */
  public static UnpairedLossKernel kto() {
    return new UnpairedLossKernel(UnpairedPresets.kto());
  }

  /** APO-zero, arXiv 2408.06266, of single answers: for desirable ones better than the model's. */
  public static UnpairedLossKernel apoZeroUnpaired() {
    return new UnpairedLossKernel(UnpairedPresets.apoZeroUnpaired());
  }

  /** BCO, arXiv 2404.04656: keeps a running mean of the rewards. */
  public static UnpairedLossKernel bco() {
    return new UnpairedLossKernel(UnpairedPresets.bco());
  }

  /** Bytes of workspace that a call on these log-probs needs: on the CPU 0. */
  public long workspaceBytes(TensorView logProbs) {
    long[] bytes = new long[1];
    Status.check(EquipoiseAbi.eqp_unpaired_loss_workspace_size(logProbs.abi(), bytes));
    return bytes[0];
  }

  /** The form without {@link Launch}: on the CPU. */
  public void applyInto(
      UnpairedBatch<TensorView> batch,
      TensorView loss,
      @Nullable TensorView rowLosses,
      @Nullable TensorView rewards,
      @Nullable TensorView metrics,
      @Nullable TensorView newRewardMean,
      @Nullable TensorView dLogProbs) {
    applyInto(batch, loss, rowLosses, rewards, metrics, newRewardMean, dLogProbs, null);
  }

  /**
   * Loss, details and gradient in one call, on the stream and with the scratch memory of {@code
   * launch}. On CUDA it returns when the work is queued.
   *
   * @param loss [] or [1] f32 (f64 for f64 log-probs), written
   * @param rowLosses [answers], written; may be null
   * @param rewards [answers], written; may be null
   * @param metrics [EQP_UNPAIRED_METRIC_COUNT], written; may be null; the header names them
   * @param newRewardMean [2] f64: the running mean and count after this batch, written; may be
   *     null; not the memory of the one given
   * @param dLogProbs like the log-probs, written; may be null
   * @param launch null: the CPU
   */
  public void applyInto(
      UnpairedBatch<TensorView> batch,
      TensorView loss,
      @Nullable TensorView rowLosses,
      @Nullable TensorView rewards,
      @Nullable TensorView metrics,
      @Nullable TensorView newRewardMean,
      @Nullable TensorView dLogProbs,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(
          batch.logProbs(),
          batch.reference(),
          batch.mask(),
          batch.labels(),
          batch.weights(),
          batch.mismatched(),
          batch.mismatchedReference(),
          batch.mismatchedMask(),
          batch.rewardMean(),
          loss,
          rowLosses,
          rewards,
          metrics,
          newRewardMean,
          dLogProbs);
    }
    Status.check(
        EquipoiseAbi.eqp_unpaired_loss(
            abi(),
            batch.logProbs().abi(),
            TensorView.abi(batch.reference()),
            batch.mask().abi(),
            batch.labels().abi(),
            TensorView.abi(batch.weights()),
            TensorView.abi(batch.mismatched()),
            TensorView.abi(batch.mismatchedReference()),
            TensorView.abi(batch.mismatchedMask()),
            TensorView.abi(batch.rewardMean()),
            loss.abi(),
            TensorView.abi(rowLosses),
            TensorView.abi(rewards),
            TensorView.abi(metrics),
            TensorView.abi(newRewardMean),
            TensorView.abi(dLogProbs),
            Launch.abi(launch)));
  }
}
