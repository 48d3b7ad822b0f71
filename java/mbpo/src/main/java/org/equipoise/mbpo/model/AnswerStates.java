package org.equipoise.mbpo.model;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What predicts the answer tokens of a batch, packed row after row in the order of the sequences.
 *
 * <p>A model gives either hidden states with its head ({@code logits = hidden · headWeightᵀ}),
 * which lets fused losses avoid materialising logits, or logits alone.
 */
public interface AnswerStates {
  /** Logits [answer tokens of all sequences, vocab], attached to the autograd graph. */
  Tensor logits();

  /**
   * Hidden states [answer tokens, width] attached to the graph, or {@code null} if only logits
   * exist.
   */
  @Nullable Tensor hidden();

  /** Head weight [vocab, width] (a parameter), or {@code null} if only logits exist. */
  @Nullable Tensor headWeight();

  /**
   * Second half of the way back: to be called once after the {@code backward()} of a loss of these
   * states. A model that computes its layers anew instead of keeping what they need does it here;
   * for others the first half was all.
   */
  default void backwardThrough() {}
}
