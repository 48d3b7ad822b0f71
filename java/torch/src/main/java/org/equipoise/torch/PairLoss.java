package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PairLossKernel;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.torch.adapter.TorchAdapter;

/**
 * Losses over (chosen, rejected) pairs from token log-probabilities.
 *
 * <pre>{@code
 * c = sum_t mask policy_chosen,  r likewise;  delta_c = c - c_ref,  delta_r = r - r_ref
 * delta = delta_c - delta_r;  reward_chosen = beta delta_c,  reward_rejected = beta delta_r
 * sigmoid  -(1-e) ls(beta delta) - e ls(-beta delta)          DPO arXiv 2305.18290; e: label smoothing
 * ipo      (delta_c/len_c - delta_r/len_r - 1/(2 beta))^2      arXiv 2310.12036, length-averaged as TRL
 * hinge    max(0, 1 - beta delta)                              SLiC arXiv 2305.10425
 * loss = mean over pairs
 * }</pre>
 *
 * Log-probs are [pairs, tokens] f32, f64 or bf16 of one dtype (chosen and rejected may differ in
 * length), masks bool or uint8. Masked tokens may hold anything, NaN included, and get gradient
 * exactly 0. Immutable and thread-safe; options are encoded into native memory once.
 */
public final class PairLoss {
  private static final int METRICS = 6;

  private final PairLossKernel kernel;

  private PairLoss(PairLossKernel kernel) {
    this.kernel = kernel;
  }

  /** DPO with beta 0.1 and no label smoothing. */
  public static PairLoss sigmoid() {
    return of(PairLossKind.SIGMOID);
  }

  /** IPO with beta 0.1. */
  public static PairLoss ipo() {
    return of(PairLossKind.IPO);
  }

  /** SLiC's hinge with beta 0.1. */
  public static PairLoss hinge() {
    return of(PairLossKind.HINGE);
  }

  /** Any kind with beta 0.1. */
  public static PairLoss of(PairLossKind kind) {
    TorchLibrary.require();
    return new PairLoss(PairLossKernel.of(kind));
  }

  /** Inverse temperature of the implicit reward; finite and positive. */
  public PairLoss beta(double value) {
    return new PairLoss(kernel.beta(value));
  }

  /** Probability in [0, 0.5) that a label is flipped; only for the sigmoid kind. */
  public PairLoss labelSmoothing(double value) {
    return new PairLoss(kernel.labelSmoothing(value));
  }

  public PairLossKind kind() {
    return kernel.kind();
  }

  public double beta() {
    return kernel.beta();
  }

  public double labelSmoothing() {
    return kernel.labelSmoothing();
  }

  /**
   * The loss, attached to the graphs of the policy's log-probs (first order only).
   *
   * @param policyChosen [pairs, tokens chosen]
   * @param policyRejected [pairs, tokens rejected]
   * @param referenceChosen like {@code policyChosen}; null together with the rejected one: zeros
   * @param referenceRejected like {@code policyRejected}
   * @param maskChosen [pairs, tokens chosen]
   * @param maskRejected [pairs, tokens rejected]
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public Result apply(
      Tensor policyChosen,
      Tensor policyRejected,
      Tensor referenceChosen,
      Tensor referenceRejected,
      Tensor maskChosen,
      Tensor maskRejected) {
    Tensor loss = new Tensor();
    Tensor details = new Tensor();
    TorchLibrary.check(
        TorchAdapter.eqp_torch_pair_loss(
            kernel.abi(),
            policyChosen,
            policyRejected,
            referenceChosen,
            referenceRejected,
            maskChosen,
            maskRejected,
            loss,
            details));
    return new Result(loss, details);
  }

  /**
   * Everything into the caller's tensors, outside of autograd; allocates nothing. Only {@code loss}
   * is required among the outputs.
   *
   * @param metrics [6]: accuracy, margin, reward chosen, reward rejected, log-prob chosen, rejected
   */
  public void applyInto(
      Tensor policyChosen,
      Tensor policyRejected,
      Tensor referenceChosen,
      Tensor referenceRejected,
      Tensor maskChosen,
      Tensor maskRejected,
      Tensor loss,
      Tensor pairLosses,
      Tensor rewardsChosen,
      Tensor rewardsRejected,
      Tensor metrics,
      Tensor dPolicyChosen,
      Tensor dPolicyRejected) {
    TorchLibrary.check(
        TorchAdapter.eqp_torch_pair_loss_into(
            kernel.abi(),
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
            dPolicyRejected));
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
      return loss;
    }

    /** {@code loss().backward()}. */
    public void backward() {
      loss.backward();
    }

    /** [pairs], without gradient. */
    public Tensor pairLosses() {
      return part(0);
    }

    /** {@code beta delta_c} [pairs], without gradient. */
    public Tensor rewardsChosen() {
      return part(1);
    }

    /** {@code beta delta_r} [pairs], without gradient. */
    public Tensor rewardsRejected() {
      return part(2);
    }

    /** Reads the metrics; synchronises with the device. */
    public PairMetrics metrics() {
      try (PointerScope scope = new PointerScope()) {
        double[] m = Tensors.doubles(details.narrow(0, 0, METRICS));
        return new PairMetrics(m[0], m[1], m[2], m[3], m[4], m[5]);
      }
    }

    private Tensor part(int index) {
      long pairs = (details.numel() - METRICS) / 3;
      return details.narrow(0, METRICS + index * pairs, pairs);
    }
  }
}
