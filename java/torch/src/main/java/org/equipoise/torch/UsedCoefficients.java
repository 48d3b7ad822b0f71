package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The coefficients d(loss)/d(log-prob) and d(loss)/d(entropy) that the chunks of a {@link
 * FusedLinear#tokenLoss} went back with, each taken when what belongs to later chunks was not known
 * yet. They must be what the whole loss has: otherwise it was no token-level loss, and its
 * gradients are wrong.
 */
final class UsedCoefficients implements AutoCloseable {
  /**
   * A token's own arithmetic is the same in every call; sums around it may be rounded otherwise.
   */
  private static final double RELATIVE = 1e-4;

  private static final Scalar ZERO = TorchLibrary.keep(new Scalar(0.0));

  private final FusedLogProbs logProbs;
  private final Tensor usedOfValues;
  private final Tensor usedOfEntropy;

  UsedCoefficients(FusedLogProbs logProbs) {
    this.logProbs = logProbs;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      usedOfValues = TorchLibrary.keep(torch.zeros_like(logProbs.rows.values()));
      usedOfEntropy =
          logProbs.rows.entropy() == null
              ? null
              : TorchLibrary.keep(torch.zeros_like(logProbs.rows.entropy()));
    }
  }

  /** The gradients that {@code backward()} left; null for none. */
  record Coefficients(Tensor values, Tensor entropy) {}

  /** Those that this chunk goes back with. */
  Coefficients take(LogitChunks chunks, int chunk) {
    logProbs.requireGradient();
    Coefficients latest = latest();
    try (NoGradGuard noGradient = new NoGradGuard()) {
      if (latest.values != null) {
        chunks.part(usedOfValues, chunk).copy_(chunks.part(latest.values, chunk));
      }
      if (latest.entropy != null) {
        chunks.part(usedOfEntropy, chunk).copy_(chunks.part(latest.entropy, chunk));
      }
    }
    return latest;
  }

  private Coefficients latest() {
    return new Coefficients(logProbs.valuesGradient(), logProbs.entropyGradient());
  }

  /** Reads four numbers: synchronises with the device. */
  void requireTokenLocal() {
    Coefficients latest = latest();
    requireSame(usedOfValues, latest.values, "log-prob");
    requireSame(usedOfEntropy, latest.entropy, "entropy");
  }

  /** A coefficient that was never there is 0. */
  private static void requireSame(Tensor used, Tensor latest, String name) {
    if (used == null || used.numel() == 0) {
      return;
    }
    Tensor whole = latest == null ? torch.zeros_like(used) : latest;
    // Infinities and NaN of a loss that has them are no difference when both have them.
    Tensor same = used.eq(whole).logical_or(used.isnan().logical_and(whole.isnan()));
    double difference = used.sub(whole).abs().masked_fill(same, ZERO).max().item_double();
    double largest = finite(whole.abs()).max().item_double();
    if (!(difference <= RELATIVE * largest)) {
      throw new IllegalStateException(
          "FusedLinear: tokenLoss: expected a loss whose derivative by a token's "
              + name
              + " depends on no other token, found one that moved by "
              + difference
              + " when the others became known; use loss() for it");
    }
  }

  private static Tensor finite(Tensor values) {
    DoubleOptional zero = new DoubleOptional(0);
    return values.nan_to_num(zero, zero, zero);
  }

  @Override
  public void close() {
    usedOfValues.releaseReference();
    if (usedOfEntropy != null) {
      usedOfEntropy.releaseReference();
    }
  }
}
