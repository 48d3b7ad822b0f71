package org.equipoise.kernels;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a loss over single labelled answers is computed from: tensors of one kind {@code T}. [R, T]
 * stands for [answers, tokens], [M, U] for the mismatched ones. Immutable; holds references, owns
 * nothing.
 *
 * @param <T> {@link TensorView}, or the tensor of another library
 */
public final class UnpairedBatch<T> {
  private final T logProbs;
  private final T mask;
  private final T labels;
  private final @Nullable T reference;
  private final @Nullable T weights;
  private final @Nullable T mismatched;
  private final @Nullable T mismatchedReference;
  private final @Nullable T mismatchedMask;
  private final @Nullable T rewardMean;

  private UnpairedBatch(
      T logProbs,
      T mask,
      T labels,
      @Nullable T reference,
      @Nullable T weights,
      @Nullable T mismatched,
      @Nullable T mismatchedReference,
      @Nullable T mismatchedMask,
      @Nullable T rewardMean) {
    this.logProbs = logProbs;
    this.mask = mask;
    this.labels = labels;
    this.reference = reference;
    this.weights = weights;
    this.mismatched = mismatched;
    this.mismatchedReference = mismatchedReference;
    this.mismatchedMask = mismatchedMask;
    this.rewardMean = rewardMean;
  }

  /**
   * What every loss needs.
   *
   * @param logProbs the policy's [R, T] f32, f64, bf16 or f16 (f16 on CUDA only)
   * @param mask [R, T] bool or u8; tokens with 0 may hold anything
   * @param labels [R] bool or u8; not 0: a desirable answer
   */
  public static <T> UnpairedBatch<T> of(T logProbs, T mask, T labels) {
    return new UnpairedBatch<>(
        Objects.requireNonNull(logProbs, "logProbs"),
        Objects.requireNonNull(mask, "mask"),
        Objects.requireNonNull(labels, "labels"),
        null,
        null,
        null,
        null,
        null,
        null);
  }

  /** The reference's log-probs, like the policy's; null: none, as if they were zeros. */
  public UnpairedBatch<T> reference(@Nullable T values) {
    return new UnpairedBatch<>(
        logProbs,
        mask,
        labels,
        values,
        weights,
        mismatched,
        mismatchedReference,
        mismatchedMask,
        rewardMean);
  }

  /**
   * [R] f32 (f64 with f64 log-probs): a factor of each answer's loss, without gradient, such as the
   * density ratios by which BCO matches the data's distributions; null: ones.
   */
  public UnpairedBatch<T> weights(@Nullable T ofAnswers) {
    return new UnpairedBatch<>(
        logProbs,
        mask,
        labels,
        reference,
        ofAnswers,
        mismatched,
        mismatchedReference,
        mismatchedMask,
        rewardMean);
  }

  /**
   * Answers behind other prompts than their own, from which KTO estimates the divergence of policy
   * and reference. Without gradient. A divergence that is known already: a [1, 1] tensor of it,
   * null, null.
   *
   * @param values the policy's log-probs [M, U]; null: none
   * @param referenceValues the reference's; null: zeros
   * @param maskValues [M, U] bool or u8; null: every token
   */
  public UnpairedBatch<T> mismatched(
      @Nullable T values, @Nullable T referenceValues, @Nullable T maskValues) {
    return new UnpairedBatch<>(
        logProbs,
        mask,
        labels,
        reference,
        weights,
        values,
        referenceValues,
        maskValues,
        rewardMean);
  }

  /**
   * [2] f64: the mean of the rewards of all batches before and their number, which BCO compares
   * with; null: none yet.
   */
  public UnpairedBatch<T> rewardMean(@Nullable T meanAndCount) {
    return new UnpairedBatch<>(
        logProbs,
        mask,
        labels,
        reference,
        weights,
        mismatched,
        mismatchedReference,
        mismatchedMask,
        meanAndCount);
  }

  public T logProbs() {
    return NativeLibrary.alive("logProbs", logProbs);
  }

  public T mask() {
    return NativeLibrary.alive("mask", mask);
  }

  public T labels() {
    return NativeLibrary.alive("labels", labels);
  }

  public @Nullable T reference() {
    return NativeLibrary.alive("reference", reference);
  }

  public @Nullable T weights() {
    return NativeLibrary.alive("weights", weights);
  }

  public @Nullable T mismatched() {
    return NativeLibrary.alive("mismatched", mismatched);
  }

  public @Nullable T mismatchedReference() {
    return NativeLibrary.alive("mismatchedReference", mismatchedReference);
  }

  public @Nullable T mismatchedMask() {
    return NativeLibrary.alive("mismatchedMask", mismatchedMask);
  }

  public @Nullable T rewardMean() {
    return NativeLibrary.alive("rewardMean", rewardMean);
  }
}
