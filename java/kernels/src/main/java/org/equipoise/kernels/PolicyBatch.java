package org.equipoise.kernels;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a policy loss is computed from: tensors of one kind {@code T}, most of them optional. [S, T]
 * stands for [sequences, tokens]. Immutable; holds references, owns nothing.
 *
 * @param <T> {@link TensorView}, or the tensor of another library
 */
public final class PolicyBatch<T> {
  private final T logProbs;
  private final T advantages;
  private final T mask;
  private final @Nullable T old;
  private final @Nullable T reference;
  private final @Nullable T sampler;
  private final @Nullable T truncated;
  private final @Nullable T sequenceWeights;
  private final @Nullable T entropy;
  private final @Nullable T entropyThreshold;

  private PolicyBatch(
      T logProbs,
      T advantages,
      T mask,
      @Nullable T old,
      @Nullable T reference,
      @Nullable T sampler,
      @Nullable T truncated,
      @Nullable T sequenceWeights,
      @Nullable T entropy,
      @Nullable T entropyThreshold) {
    this.logProbs = logProbs;
    this.advantages = advantages;
    this.mask = mask;
    this.old = old;
    this.reference = reference;
    this.sampler = sampler;
    this.truncated = truncated;
    this.sequenceWeights = sequenceWeights;
    this.entropy = entropy;
    this.entropyThreshold = entropyThreshold;
  }

  /**
   * What every loss needs.
   *
   * @param logProbs [S, T] f32, f64, bf16 or f16 (f16 on CUDA only)
   * @param advantages [S] or [S, T] f32 (f64 with f64 log-probs)
   * @param mask [S, T] bool or u8; tokens with 0 may hold anything
   */
  public static <T> PolicyBatch<T> of(T logProbs, T advantages, T mask) {
    return new PolicyBatch<>(
        Objects.requireNonNull(logProbs, "logProbs"),
        Objects.requireNonNull(advantages, "advantages"),
        Objects.requireNonNull(mask, "mask"),
        null,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  /**
   * Log-probs of the policy that the ratio divides by, like the log-probs; null: the log-probs
   * themselves, ratio 1 with its gradient intact.
   */
  public PolicyBatch<T> old(@Nullable T values) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        values,
        reference,
        sampler,
        truncated,
        sequenceWeights,
        entropy,
        entropyThreshold);
  }

  /** Log-probs of the reference, like the log-probs; null: no KL. */
  public PolicyBatch<T> reference(@Nullable T values) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        old,
        values,
        sampler,
        truncated,
        sequenceWeights,
        entropy,
        entropyThreshold);
  }

  /**
   * Log-probs that the inference engine gave its samples, like the log-probs; NaN where it gave
   * none; null: none.
   */
  public PolicyBatch<T> sampler(@Nullable T values) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        old,
        reference,
        values,
        truncated,
        sequenceWeights,
        entropy,
        entropyThreshold);
  }

  /** [S] bool or u8: sequences that do not count, because they were cut off; null: none. */
  public PolicyBatch<T> truncated(@Nullable T flags) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        old,
        reference,
        sampler,
        flags,
        sequenceWeights,
        entropy,
        entropyThreshold);
  }

  /** [S] like the advantages: factors of the sequences' losses; null: ones. */
  public PolicyBatch<T> sequenceWeights(@Nullable T weights) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        old,
        reference,
        sampler,
        truncated,
        weights,
        entropy,
        entropyThreshold);
  }

  /**
   * Entropy of each token's distribution.
   *
   * @param values [S, T] f32 (f64 with f64 log-probs); null: none
   * @param threshold [] or [1] like the values: only tokens with at least this entropy keep their
   *     surrogate; null: all
   */
  public PolicyBatch<T> entropy(@Nullable T values, @Nullable T threshold) {
    return new PolicyBatch<>(
        logProbs,
        advantages,
        mask,
        old,
        reference,
        sampler,
        truncated,
        sequenceWeights,
        values,
        threshold);
  }

  public T logProbs() {
    return NativeLibrary.alive("logProbs", logProbs);
  }

  public T advantages() {
    return NativeLibrary.alive("advantages", advantages);
  }

  public T mask() {
    return NativeLibrary.alive("mask", mask);
  }

  public @Nullable T old() {
    return NativeLibrary.alive("old", old);
  }

  public @Nullable T reference() {
    return NativeLibrary.alive("reference", reference);
  }

  public @Nullable T sampler() {
    return NativeLibrary.alive("sampler", sampler);
  }

  public @Nullable T truncated() {
    return NativeLibrary.alive("truncated", truncated);
  }

  public @Nullable T sequenceWeights() {
    return NativeLibrary.alive("sequenceWeights", sequenceWeights);
  }

  public @Nullable T entropy() {
    return NativeLibrary.alive("entropy", entropy);
  }

  public @Nullable T entropyThreshold() {
    return NativeLibrary.alive("entropyThreshold", entropyThreshold);
  }
}
