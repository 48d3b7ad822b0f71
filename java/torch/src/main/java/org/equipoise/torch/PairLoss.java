package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.kernels.PairLossSettings;
import org.equipoise.kernels.PairPresets;
import org.equipoise.kernels.PairTerm;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Losses over (chosen, rejected) pairs from token log-probabilities.
 *
 * <pre>{@code
 * c = sum_t mask policy_chosen,  r likewise;  delta_c = c - c_ref,  delta_r = r - r_ref
 * delta = delta_c - delta_r;  reward_chosen = beta delta_c,  reward_rejected = beta delta_r
 * sigmoid  -(1-e) ls(beta delta) - e ls(-beta delta)     e: label smoothing; the others: PairLossKind
 * loss = mean over pairs of the weighted sum of terms
 * }</pre>
 *
 * Defaults are TRL's. Masked tokens may hold anything, NaN included, and get gradient exactly 0;
 * certain answers (log-prob 0) give finite losses and gradients. Immutable and thread-safe; options
 * are encoded into native memory once.
 */
public final class PairLoss extends PairLossSettings<PairLoss> {
  private static final int METRICS = EquipoiseAbi.EQP_PAIR_METRIC_COUNT;

  private PairLoss(eqp_pair_loss_options options) {
    super(options);
  }

  @Override
  protected PairLoss with(eqp_pair_loss_options changed) {
    return new PairLoss(changed);
  }

  /** One kind with beta 0.1. */
  public static PairLoss of(PairLossKind kind) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.of(kind));
  }

  /** A weighted sum of 1 to 8 kinds with one beta, 0.1. */
  public static PairLoss sum(PairTerm... terms) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.sum(List.of(terms)));
  }

  /** DPO, arXiv 2305.18290. */
  public static PairLoss sigmoid() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.sigmoid());
  }

  /** DPO whose labels are flipped with this probability in [0, 0.5): conservative DPO. */
  public static PairLoss cdpo(double labelSmoothing) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.cdpo(labelSmoothing));
  }

  /**
   * DPO unbiased under labels that are flipped with this probability in [0, 0.5), arXiv 2403.00409.
   */
  public static PairLoss robust(double labelSmoothing) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.robust(labelSmoothing));
  }

  /** DPO of log-ratios averaged over the tokens, as TRL's sigmoid_norm. */
  public static PairLoss sigmoidNorm() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.sigmoidNorm());
  }

  /** IPO, arXiv 2310.12036, averaged over the tokens as TRL does. */
  public static PairLoss ipo() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.ipo());
  }

  /** SLiC's hinge, arXiv 2305.10425. */
  public static PairLoss hinge() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.hinge());
  }

  /** EXO, arXiv 2402.00856, with its paper's label smoothing 1e-3. */
  public static PairLoss exoPair() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.exoPair());
  }

  /** NCA, arXiv 2402.05369. */
  public static PairLoss ncaPair() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.ncaPair());
  }

  /** BCO of pairs without a shift, arXiv 2404.04656. */
  public static PairLoss bcoPair() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.bcoPair());
  }

  /** SPPO with hard labels, arXiv 2405.00675. */
  public static PairLoss sppoHard() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.sppoHard());
  }

  /** Alignment by optimal transport of pairs, arXiv 2406.05882: sorts over the batch. */
  public static PairLoss aot() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.aot());
  }

  /** As {@link #aot()}, of answers that need not belong together. */
  public static PairLoss aotUnpaired() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.aotUnpaired());
  }

  /** APO-zero, arXiv 2408.06266: for chosen answers better than the model's own. */
  public static PairLoss apoZero() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.apoZero());
  }

  /** APO-down, arXiv 2408.06266: for chosen answers worse than the model's own. */
  public static PairLoss apoDown() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.apoDown());
  }

  /** DiscoPOP, arXiv 2406.08414, tau 0.05. */
  public static PairLoss discopop() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.discopop());
  }

  /** The negative log-likelihood of the chosen answers, averaged over the batch's tokens. */
  public static PairLoss sft() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.sft());
  }

  /**
   * CPO, arXiv 2401.08417, with a likelihood term of this weight (TRL's cpo_alpha, there 1); takes
   * no reference.
   */
  public static PairLoss cpo(double likelihoodWeight) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.cpo(likelihoodWeight));
  }

  /**
   * SimPO, arXiv 2405.14734, with TRL's beta 0.1 and gamma 0.5 (the paper: 2 to 2.5 and 0.3 to
   * 1.6); takes no reference.
   */
  public static PairLoss simPo() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.simPo());
  }

  /**
   * AlphaPO, arXiv 2501.03884: SimPO with the reward (1 - p^-alpha) / alpha; takes no reference.
   */
  public static PairLoss alphaPo(double alpha) {
    TorchLibrary.require();
    return new PairLoss(PairPresets.alphaPo(alpha));
  }

  /**
   * ORPO, arXiv 2403.07691, with its likelihood term: over the chosen answer, where TRL's also
   * counts the prompt. beta is the weight of the odds ratio. Takes no reference.
   */
  public static PairLoss orpo() {
    TorchLibrary.require();
    return new PairLoss(PairPresets.orpo());
  }

  /**
   * The loss, attached to the graphs of the policy's log-probs (first order only).
   *
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public Result apply(PairBatch<Tensor> batch) {
    Tensor loss = new Tensor();
    Tensor details = new Tensor();
    TorchLibrary.check(
        TorchAdapter.eqp_torch_pair_loss(
            abi(),
            batch.chosen(),
            batch.rejected(),
            batch.referenceChosen(),
            batch.referenceRejected(),
            batch.chosenMask(),
            batch.rejectedMask(),
            batch.weights(),
            loss,
            details));
    return new Result(loss, details);
  }

  /**
   * Everything into the caller's tensors, outside of autograd; allocates nothing (but scratch
   * memory for AOT on the CPU). Only {@code loss} is required among the outputs.
   *
   * @param metrics [6]: accuracy, margin, reward chosen, reward rejected, log-prob chosen, rejected
   */
  public void applyInto(
      PairBatch<Tensor> batch,
      Tensor loss,
      @Nullable Tensor pairLosses,
      @Nullable Tensor rewardsChosen,
      @Nullable Tensor rewardsRejected,
      @Nullable Tensor metrics,
      @Nullable Tensor dChosen,
      @Nullable Tensor dRejected) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_pair_loss_into(
            abi(),
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
            dRejected),
        loss,
        pairLosses,
        rewardsChosen,
        rewardsRejected,
        metrics,
        dChosen,
        dRejected);
  }

  /** What one call gave. Its tensors belong to the pointer scope of the call. */
  public static final class Result implements ScalarLoss {
    private final Tensor loss;
    private final Tensor details;

    private Result(Tensor loss, Tensor details) {
      this.loss = loss;
      this.details = details;
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

    /** [pairs], without gradient. */
    public Tensor pairLosses() {
      return part(0);
    }

    /**
     * {@code beta delta_c} [pairs], without gradient; with a SIMPO term {@code beta q}, else with
     * an ORPO term {@code beta} times the mean log-prob.
     */
    public Tensor rewardsChosen() {
      return part(1);
    }

    /** The same of the rejected answers. */
    public Tensor rewardsRejected() {
      return part(2);
    }

    /** Reads the metrics; synchronises with the device. */
    public PairMetrics metrics() {
      try (PointerScope scope = new PointerScope()) {
        double[] m = Tensors.doubles(alive("details", details).narrow(0, 0, METRICS));
        return new PairMetrics(m[0], m[1], m[2], m[3], m[4], m[5]);
      }
    }

    private Tensor part(int index) {
      long pairs = (alive("details", details).numel() - METRICS) / 3;
      return alive("details", details).narrow(0, METRICS + index * pairs, pairs);
    }
  }
}
