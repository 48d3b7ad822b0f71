package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.UnpairedBatch;
import org.equipoise.kernels.UnpairedLossKind;
import org.equipoise.kernels.UnpairedLossSettings;
import org.equipoise.kernels.UnpairedPresets;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_unpaired_loss_options;
import org.equipoise.torch.adapter.TorchAdapter;

/**
 * Losses over single answers labelled desirable or undesirable, from token log-probabilities.
 *
 * <pre>{@code
 * reward = beta sum_t mask (log_prob - reference);  s = 1 (desirable) or -1;  z = what it is compared with
 * loss = mean over answers of weight f(s (reward - z))
 * kto  f(x) = 1 - sigmoid(x), z = beta kl    apo_zero_unpaired  the same, z = 0
 * bco  f(x) = -ls(x), z = running mean of the rewards
 * }</pre>
 *
 * Defaults are TRL's. Masked tokens may hold anything, NaN included, and get gradient exactly 0.
 * Answers whose log-ratio is NaN are left out: loss NaN, gradient 0. Alignment by optimal transport
 * of unpaired answers is {@link PairLoss#aotUnpaired()}. Immutable and thread-safe; options are
 * encoded into native memory once.
 *
 * <p>BCO's running mean is the caller's: {@link Result#rewardMean()} goes into the next batch's
 * {@link UnpairedBatch#rewardMean}, and into checkpoints.
 */
public final class UnpairedLoss extends UnpairedLossSettings<UnpairedLoss> {
  private static final int METRICS = EquipoiseAbi.EQP_UNPAIRED_METRIC_COUNT;

  private UnpairedLoss(eqp_unpaired_loss_options options) {
    super(options);
  }

  @Override
  protected UnpairedLoss with(eqp_unpaired_loss_options changed) {
    return new UnpairedLoss(changed);
  }

  /** One kind with beta 0.1 and weights 1. */
  public static UnpairedLoss of(UnpairedLossKind kind) {
    TorchLibrary.require();
    return new UnpairedLoss(UnpairedPresets.of(kind));
  }

  /** KTO, arXiv 2402.01306: needs mismatched answers. */
  public static UnpairedLoss kto() {
    TorchLibrary.require();
    return new UnpairedLoss(UnpairedPresets.kto());
  }

  /** APO-zero, arXiv 2408.06266, of single answers: for desirable ones better than the model's. */
  public static UnpairedLoss apoZeroUnpaired() {
    TorchLibrary.require();
    return new UnpairedLoss(UnpairedPresets.apoZeroUnpaired());
  }

  /** BCO, arXiv 2404.04656: keeps a running mean of the rewards. */
  public static UnpairedLoss bco() {
    TorchLibrary.require();
    return new UnpairedLoss(UnpairedPresets.bco());
  }

  /**
   * The loss, attached to the graph of the policy's log-probs (first order only). The mismatched
   * answers get no gradient.
   *
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public Result apply(UnpairedBatch<Tensor> batch) {
    Tensor loss = new Tensor();
    Tensor details = new Tensor();
    Tensor rewardMean = new Tensor();
    TorchLibrary.check(
        TorchAdapter.eqp_torch_unpaired_loss(
            abi(),
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
            details,
            rewardMean));
    return new Result(loss, details, rewardMean);
  }

  /**
   * Everything into the caller's tensors, outside of autograd; allocates nothing. Only {@code loss}
   * is required among the outputs.
   *
   * @param metrics [EQP_UNPAIRED_METRIC_COUNT], in the order of {@link UnpairedMetrics}
   * @param newRewardMean [2] f64, not the memory of the one given
   */
  public void applyInto(
      UnpairedBatch<Tensor> batch,
      Tensor loss,
      Tensor rowLosses,
      Tensor rewards,
      Tensor metrics,
      Tensor newRewardMean,
      Tensor dLogProbs) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_unpaired_loss_into(
            abi(),
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
            dLogProbs),
        loss,
        rowLosses,
        rewards,
        metrics,
        newRewardMean,
        dLogProbs);
  }

  /** What one call gave. Its tensors belong to the pointer scope of the call. */
  public static final class Result implements ScalarLoss {
    private final Tensor loss;
    private final Tensor details;
    private final Tensor rewardMean;

    private Result(Tensor loss, Tensor details, Tensor rewardMean) {
      this.loss = loss;
      this.details = details;
      this.rewardMean = rewardMean;
    }

    /** 0-dimensional f32 (f64 for f64 log-probs), attached to the policy's graph. */
    @Override
    public Tensor loss() {
      return alive("loss", loss);
    }

    /** {@code loss().backward()}. */
    public void backward() {
      loss().backward();
    }

    /** [answers], without gradient; NaN of an answer that was left out. */
    public Tensor rowLosses() {
      return part(0);
    }

    /** {@code beta} times the log-ratios [answers], without gradient. */
    public Tensor rewards() {
      return part(1);
    }

    /** [2] f64: the running mean of the rewards and their number, this batch's included. */
    public Tensor rewardMean() {
      return alive("rewardMean", rewardMean);
    }

    /** Reads the metrics; synchronises with the device. */
    public UnpairedMetrics metrics() {
      try (PointerScope scope = new PointerScope()) {
        return UnpairedMetrics.of(Tensors.doubles(alive("details", details).narrow(0, 0, METRICS)));
      }
    }

    private Tensor part(int index) {
      long answers = (alive("details", details).numel() - METRICS) / 2;
      return alive("details", details).narrow(0, METRICS + index * answers, answers);
    }
  }
}
