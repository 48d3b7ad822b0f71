package org.equipoise.kernels;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a pair loss is computed from: tensors of one kind {@code T}. [P, C] stands for [pairs,
 * tokens of the chosen answers], [P, R] for the rejected ones. Immutable; holds references, owns
 * nothing.
 *
 * @param <T> {@link TensorView}, or the tensor of another library
 */
public final class PairBatch<T> {
  private final T chosen;
  private final T rejected;
  private final T chosenMask;
  private final T rejectedMask;
  private final @Nullable T referenceChosen;
  private final @Nullable T referenceRejected;
  private final @Nullable T weights;

  private PairBatch(
      T chosen,
      T rejected,
      T chosenMask,
      T rejectedMask,
      @Nullable T referenceChosen,
      @Nullable T referenceRejected,
      @Nullable T weights) {
    this.chosen = chosen;
    this.rejected = rejected;
    this.chosenMask = chosenMask;
    this.rejectedMask = rejectedMask;
    this.referenceChosen = referenceChosen;
    this.referenceRejected = referenceRejected;
    this.weights = weights;
  }

  /**
   * What every loss needs.
   *
   * @param chosen the policy's log-probs [P, C] f32, f64, bf16 or f16 (f16 on CUDA only)
   * @param rejected [P, R], same dtype
   * @param chosenMask [P, C] bool or u8; tokens with 0 may hold anything
   * @param rejectedMask [P, R]
   */
  public static <T> PairBatch<T> of(T chosen, T rejected, T chosenMask, T rejectedMask) {
    return new PairBatch<>(
        Objects.requireNonNull(chosen, "chosen"),
        Objects.requireNonNull(rejected, "rejected"),
        Objects.requireNonNull(chosenMask, "chosenMask"),
        Objects.requireNonNull(rejectedMask, "rejectedMask"),
        null,
        null,
        null);
  }

  /** The reference's log-probs, like the policy's; both null: none, as if they were zeros. */
  public PairBatch<T> reference(@Nullable T ofChosen, @Nullable T ofRejected) {
    return new PairBatch<>(
        chosen, rejected, chosenMask, rejectedMask, ofChosen, ofRejected, weights);
  }

  /**
   * [P] f32 (f64 with f64 log-probs): a factor of each pair's loss, without gradient, such as
   * WPO's; null: ones.
   */
  public PairBatch<T> weights(@Nullable T ofPairs) {
    return new PairBatch<>(
        chosen, rejected, chosenMask, rejectedMask, referenceChosen, referenceRejected, ofPairs);
  }

  public T chosen() {
    return NativeLibrary.alive("chosen", chosen);
  }

  public T rejected() {
    return NativeLibrary.alive("rejected", rejected);
  }

  public T chosenMask() {
    return NativeLibrary.alive("chosenMask", chosenMask);
  }

  public T rejectedMask() {
    return NativeLibrary.alive("rejectedMask", rejectedMask);
  }

  public @Nullable T referenceChosen() {
    return NativeLibrary.alive("referenceChosen", referenceChosen);
  }

  public @Nullable T referenceRejected() {
    return NativeLibrary.alive("referenceRejected", referenceRejected);
  }

  public @Nullable T weights() {
    return NativeLibrary.alive("weights", weights);
  }
}
