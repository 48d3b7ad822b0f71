package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Weights of WPO, arXiv 2406.11827: how much an answer is one that the policy itself would give.
 *
 * <pre>{@code
 * w = exp( mean over unmasked t of [ log p(y_t) - ln sum_v p(v)^2 ] );   weight of a pair: w_c w_r
 * ln sum_v p(v)^2 = log_sum_exp_2x - 2 log_sum_exp
 * }</pre>
 *
 * <pre>{@code
 * TokenLogProbs p = TokenLogProbs.forward(options.logSumExp2x(true), logits, targets);
 * Tensor w = WpoWeights.of(p.values().view(2 * pairs, tokens), p.logSumExp().view(...), ..., mask);
 * batch.weights(w.narrow(0, 0, pairs).mul(w.narrow(0, pairs, pairs)))
 * }</pre>
 */
public final class WpoWeights {
  private WpoWeights() {}

  /**
   * Weights of answers; 1 for one without unmasked tokens.
   *
   * @param logProbs of the answers' tokens [answers, tokens]
   * @param logSumExp like the log-probs, from the same pass
   * @param logSumExp2x like the log-probs, from the same pass
   * @param mask [answers, tokens] bool or u8; tokens with 0 may hold anything
   * @return [answers] in the dtype of the log-probs, without gradient
   */
  public static Tensor of(Tensor logProbs, Tensor logSumExp, Tensor logSumExp2x, Tensor mask) {
    alive("logProbs", logProbs);
    alive("logSumExp", logSumExp);
    alive("logSumExp2x", logSumExp2x);
    alive("mask", mask);
    Tensor weights = Tensors.empty(logProbs, logProbs.scalar_type().intern(), logProbs.size(0));
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor kept = mask.ne(new Scalar(0));
      Tensor collision = logSumExp2x.sub(logSumExp.mul(new Scalar(2.0)));
      Tensor aligned = torch.where(kept, logProbs.sub(collision), new Scalar(0.0));
      Tensor lengths = kept.sum(1).clamp_min(new Scalar(1));
      weights.copy_(aligned.sum(1).div(lengths).exp());
    }
    return weights;
  }
}
