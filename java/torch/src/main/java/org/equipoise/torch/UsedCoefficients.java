package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * The coefficients d(loss)/d(log-prob) that the chunks of a {@link FusedLinear#tokenLoss} went back
 * with, each taken when the log-probs of later chunks were not known yet. They must be what the
 * whole loss has: otherwise it was no token-level loss, and its gradients are wrong.
 */
final class UsedCoefficients implements AutoCloseable {
  /**
   * A token's own arithmetic is the same in every call; sums around it may be rounded otherwise.
   */
  private static final double RELATIVE = 1e-4;

  private final FusedLogProbs logProbs;
  private final Tensor used;
  private Tensor latest;

  UsedCoefficients(FusedLogProbs logProbs) {
    this.logProbs = logProbs;
    try (PointerScope scope = new PointerScope()) {
      used = TorchLibrary.keep(logProbs.rows.values().clone());
    }
  }

  /** The gradient that {@code backward()} left in the values; null for none. */
  Tensor take(LogitChunks chunks, int chunk) {
    logProbs.requireGradient();
    latest = logProbs.valuesGradient();
    if (latest != null) {
      try (NoGradGuard noGradient = new NoGradGuard()) {
        chunks.part(used, chunk).copy_(chunks.part(latest, chunk));
      }
    }
    return latest;
  }

  Tensor entropy() {
    return logProbs.entropyGradient();
  }

  /** Reads two numbers: synchronises with the device. */
  void requireTokenLocal() {
    if (latest == null) {
      return;
    }
    double difference = used.sub(latest).abs().max().item_double();
    double largest = latest.abs().max().item_double();
    if (difference > RELATIVE * largest) {
      throw new IllegalStateException(
          "FusedLinear: tokenLoss: expected a loss whose derivative by a token's log-prob depends on"
              + " no other token's, found one that moved by "
              + difference
              + " when the others became known; use loss() for it");
    }
  }

  @Override
  public void close() {
    used.releaseReference();
  }
}
