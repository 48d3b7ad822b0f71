package org.equipoise.kernels;

import java.util.Objects;

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
  private final T reference;
  private final T weights;
  private final T mismatched;
  private final T mismatchedReference;
  private final T mismatchedMask;
  private final T rewardMean;

  private UnpairedBatch(
      T logProbs,
      T mask,
      T labels,
      T reference,
      T weights,
      T mismatched,
      T mismatchedReference,
      T mismatchedMask,
      T rewardMean) {
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
  public UnpairedBatch<T> reference(T values) {
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
  public UnpairedBatch<T> weights(T ofAnswers) {
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
  public UnpairedBatch<T> mismatched(T values, T referenceValues, T maskValues) {
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
  public UnpairedBatch<T> rewardMean(T meanAndCount) {
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
    return logProbs;
  }

  public T mask() {
    return mask;
  }

  public T labels() {
    return labels;
  }

  public T reference() {
    return reference;
  }

  public T weights() {
    return weights;
  }

  public T mismatched() {
    return mismatched;
  }

  public T mismatchedReference() {
    return mismatchedReference;
  }

  public T mismatchedMask() {
    return mismatchedMask;
  }

  public T rewardMean() {
    return rewardMean;
  }
}
