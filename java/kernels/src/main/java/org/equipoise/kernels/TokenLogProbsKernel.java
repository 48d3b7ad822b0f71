package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_token_log_probs_options;
import org.jspecify.annotations.Nullable;

/**
 * Token log-probabilities of given targets under a row-wise softmax, and their gradient.
 *
 * <pre>{@code
 * y = logitScale (logits + bias)                                  [rows, vocab]
 * y <- softCap tanh(y / softCap)                                  only if softCap > 0
 * z = y / temperature
 * log_sum_exp[i]    = ln sum_j exp(z[i,j])
 * log_probs[i]      = z[i, targets[i]] - log_sum_exp[i]
 * log_sum_exp_2x[i] = ln sum_j exp(2 z[i,j])
 * entropy[i]        = -sum_j p[i,j] ln p[i,j],   p = exp(z - log_sum_exp)
 * }</pre>
 *
 * Rows whose target is {@code ignoreIndex} give 0 everywhere and are not read. Immutable and
 * thread-safe; the options are encoded into native memory once.
 */
public final class TokenLogProbsKernel {
  private final float temperature;
  private final long ignoreIndex;
  private final float logitScale;
  private final float softCap;
  private final eqp_token_log_probs_options options;

  private TokenLogProbsKernel(
      float temperature, long ignoreIndex, float logitScale, float softCap) {
    this.temperature = temperature;
    this.ignoreIndex = ignoreIndex;
    this.logitScale = logitScale;
    this.softCap = softCap;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_token_log_probs_options());
    EquipoiseAbi.eqp_token_log_probs_options_init(options);
    options.temperature(temperature);
    options.ignore_index(ignoreIndex);
    options.logit_scale(logitScale);
    options.soft_cap(softCap);
  }

  /** Temperature 1, ignore index -100, logit scale 1, no soft cap. */
  public static TokenLogProbsKernel defaults() {
    return new TokenLogProbsKernel(1, -100, 1, 0);
  }

  /** Divides the logits; finite and positive. */
  public TokenLogProbsKernel temperature(float value) {
    Ranges.positive("temperature", value);
    return new TokenLogProbsKernel(
        invertible("temperature", value), ignoreIndex, logitScale, softCap);
  }

  private static float invertible(String name, float value) {
    if (Float.isInfinite(1 / value)) {
      throw new IllegalArgumentException(
          name + ": expected a number whose inverse is finite, found " + value);
    }
    return value;
  }

  /** The target that marks rows to leave out. */
  public TokenLogProbsKernel ignoreIndex(long value) {
    return new TokenLogProbsKernel(temperature, value, logitScale, softCap);
  }

  /** Multiplies the logits, before the soft cap; finite and positive. */
  public TokenLogProbsKernel logitScale(float value) {
    return new TokenLogProbsKernel(
        temperature, ignoreIndex, (float) Ranges.positive("logitScale", value), softCap);
  }

  /** Bounds the logits smoothly to (-value, value); finite and positive, or 0 for no cap. */
  public TokenLogProbsKernel softCap(float value) {
    if (Ranges.notNegative("softCap", value) != 0) {
      invertible("softCap", value);
    }
    return new TokenLogProbsKernel(temperature, ignoreIndex, logitScale, value);
  }

  public float temperature() {
    return temperature;
  }

  public long ignoreIndex() {
    return ignoreIndex;
  }

  public float logitScale() {
    return logitScale;
  }

  public float softCap() {
    return softCap;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_token_log_probs_options abi() {
    return options;
  }

  /**
   * One pass over the logits.
   *
   * @param logits [rows, vocab] f32 or bf16, any row stride
   * @param bias [vocab] f32 or dtype of the logits; may be null
   * @param targets [rows] i32 or i64
   * @param logProbs [rows] f32, written
   * @param logSumExp [rows] f32 or f64, written; may be null
   * @param logSumExp2x [rows] f32 or f64, written; may be null
   * @param entropy [rows] f32, written; may be null
   * @throws IllegalArgumentException naming the argument, what was expected and what was found;
   *     also for a target outside [0, vocab) that is not the ignore index (nothing is written then)
   */
  public void forwardInto(
      TensorView logits,
      @Nullable TensorView bias,
      TensorView targets,
      TensorView logProbs,
      @Nullable TensorView logSumExp,
      @Nullable TensorView logSumExp2x,
      @Nullable TensorView entropy) {
    forwardInto(logits, bias, targets, logProbs, logSumExp, logSumExp2x, entropy, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors in data come with the next {@link CudaStream#synchronize()} or
   * {@link Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void forwardInto(
      TensorView logits,
      @Nullable TensorView bias,
      TensorView targets,
      TensorView logProbs,
      @Nullable TensorView logSumExp,
      @Nullable TensorView logSumExp2x,
      @Nullable TensorView entropy,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(logits, bias, targets, logProbs, logSumExp, logSumExp2x, entropy);
    }
    Status.check(
        EquipoiseAbi.eqp_token_log_probs_forward(
            options,
            logits.abi(),
            TensorView.abi(bias),
            targets.abi(),
            logProbs.abi(),
            TensorView.abi(logSumExp),
            TensorView.abi(logSumExp2x),
            TensorView.abi(entropy),
            Launch.abi(launch)));
  }

  /**
   *
   *
   * <pre>{@code
   * d_logits[i,j] = (d_log_probs[i] (1[j = targets[i]] - p[i,j])
   *                  - d_entropy[i] p[i,j] (ln p[i,j] + entropy[i])) dz[i,j]/dlogits[i,j]
   * }</pre>
   *
   * @param bias as given to the forward; its gradient is the sum of {@code dLogits} over the rows
   * @param logSumExp as written by the forward
   * @param entropy as written by the forward; needed with {@code dEntropy}, otherwise may be null
   * @param dLogProbs [rows] f32; may be null when {@code dEntropy} is given
   * @param dEntropy [rows] f32; may be null when {@code dLogProbs} is given
   * @param dLogits shape and dtype of the logits, written; may be the logits' own memory
   */
  public void backwardInto(
      TensorView logits,
      @Nullable TensorView bias,
      TensorView targets,
      @Nullable TensorView logSumExp,
      @Nullable TensorView entropy,
      @Nullable TensorView dLogProbs,
      @Nullable TensorView dEntropy,
      TensorView dLogits) {
    backwardInto(logits, bias, targets, logSumExp, entropy, dLogProbs, dEntropy, dLogits, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors in data come with the next {@link CudaStream#synchronize()} or
   * {@link Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void backwardInto(
      TensorView logits,
      @Nullable TensorView bias,
      TensorView targets,
      @Nullable TensorView logSumExp,
      @Nullable TensorView entropy,
      @Nullable TensorView dLogProbs,
      @Nullable TensorView dEntropy,
      TensorView dLogits,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(logits, bias, targets, logSumExp, entropy, dLogProbs, dEntropy, dLogits);
    }
    Status.check(
        EquipoiseAbi.eqp_token_log_probs_backward(
            options,
            logits.abi(),
            TensorView.abi(bias),
            targets.abi(),
            logSumExp.abi(),
            TensorView.abi(entropy),
            TensorView.abi(dLogProbs),
            TensorView.abi(dEntropy),
            dLogits.abi(),
            Launch.abi(launch)));
  }
}
