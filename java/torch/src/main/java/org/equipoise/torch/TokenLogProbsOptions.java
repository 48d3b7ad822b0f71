package org.equipoise.torch;

import org.equipoise.kernels.TokenLogProbsKernel;

/** Options of {@link TokenLogProbs}. Immutable and thread-safe; encoded into native memory once. */
public final class TokenLogProbsOptions {
  private static final class Defaults {
    static final TokenLogProbsOptions INSTANCE =
        new TokenLogProbsOptions(TokenLogProbsKernel.defaults(), false, false);
  }

  private final TokenLogProbsKernel kernel;
  private final boolean entropy;
  private final boolean logSumExp2x;

  private TokenLogProbsOptions(TokenLogProbsKernel kernel, boolean entropy, boolean logSumExp2x) {
    this.kernel = kernel;
    this.entropy = entropy;
    this.logSumExp2x = logSumExp2x;
  }

  /**
   * Temperature 1, ignore index -100, logit scale 1, no soft cap, no entropy, no log-sum-exp of
   * doubled logits.
   */
  public static TokenLogProbsOptions defaults() {
    return Defaults.INSTANCE;
  }

  /** Divides the logits; finite and positive. */
  public TokenLogProbsOptions temperature(double value) {
    return new TokenLogProbsOptions(kernel.temperature((float) value), entropy, logSumExp2x);
  }

  /** The target that marks rows to leave out: they give 0 and no gradient. */
  public TokenLogProbsOptions ignoreIndex(long value) {
    return new TokenLogProbsOptions(kernel.ignoreIndex(value), entropy, logSumExp2x);
  }

  /** Multiplies the logits, before the soft cap; finite and positive. */
  public TokenLogProbsOptions logitScale(double value) {
    return new TokenLogProbsOptions(kernel.logitScale((float) value), entropy, logSumExp2x);
  }

  /** Bounds the logits smoothly to (-value, value); finite and positive, or 0 for no cap. */
  public TokenLogProbsOptions softCap(double value) {
    return new TokenLogProbsOptions(kernel.softCap((float) value), entropy, logSumExp2x);
  }

  /** Whether to compute the entropy of each row, differentiably. */
  public TokenLogProbsOptions entropy(boolean value) {
    return new TokenLogProbsOptions(kernel, value, logSumExp2x);
  }

  /** Whether to compute {@code ln sum_j exp(2 z_j)}, which gives {@code ln sum p^2}. */
  public TokenLogProbsOptions logSumExp2x(boolean value) {
    return new TokenLogProbsOptions(kernel, entropy, value);
  }

  public double temperature() {
    return kernel.temperature();
  }

  public long ignoreIndex() {
    return kernel.ignoreIndex();
  }

  public double logitScale() {
    return kernel.logitScale();
  }

  public double softCap() {
    return kernel.softCap();
  }

  public boolean entropy() {
    return entropy;
  }

  public boolean logSumExp2x() {
    return logSumExp2x;
  }

  TokenLogProbsKernel kernel() {
    return kernel;
  }
}
