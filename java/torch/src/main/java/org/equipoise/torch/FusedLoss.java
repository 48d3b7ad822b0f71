package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;

/**
 * What {@link FusedLinear#loss} and {@link FusedLinear#tokenLoss} gave. Its tensors belong to the
 * pointer scope of the call.
 *
 * @param <R> what the loss function returns, e.g. {@link PairLoss.Result}
 */
public final class FusedLoss<R extends ScalarLoss> implements ScalarLoss {
  private final Tensor loss;
  private final R details;
  private final FusedLogProbs logProbs;

  FusedLoss(Tensor loss, R details, FusedLogProbs logProbs) {
    this.loss = loss;
    this.details = details;
    this.logProbs = logProbs;
  }

  /**
   * 0-dimensional, attached to the graph of the hidden states and, unless they are frozen or
   * accumulated into the caller's memory, to weight and bias. First order only.
   */
  @Override
  public Tensor loss() {
    return alive("loss", loss);
  }

  /** {@code loss().backward()}. */
  public void backward() {
    loss().backward();
  }

  /** The loss function's own result, for its metrics; its graph is used up. */
  public R details() {
    return details;
  }

  /** The log-probs that the loss was computed from. */
  public FusedLogProbs logProbs() {
    return logProbs;
  }
}
