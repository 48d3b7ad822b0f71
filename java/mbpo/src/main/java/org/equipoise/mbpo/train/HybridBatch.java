package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.model.TokenSequence;
import org.jspecify.annotations.Nullable;

/** The sequences of one iteration with everything constant that the policy loss needs of them. */
final class HybridBatch {
  private final List<Images> images = new ArrayList<>();
  private final List<TokenSequence> sequences = new ArrayList<>();
  private final List<float[]> advantages = new ArrayList<>();
  private final List<Float> weights = new ArrayList<>();
  private @Nullable List<float[]> old = new ArrayList<>();
  private @Nullable List<float[]> reference = new ArrayList<>();

  /**
   * @param advantage of each token of the answer
   */
  void add(Images seen, TokenSequence sequence, float[] advantage, double weight) {
    images.add(seen);
    sequences.add(sequence);
    advantages.add(advantage);
    weights.add((float) weight);
  }

  int size() {
    return sequences.size();
  }

  long tokens(MicroBatches.Part part) {
    return sequences(part).stream().mapToLong(s -> s.answer().length).sum();
  }

  List<Images> images(MicroBatches.Part part) {
    return images.subList(part.from(), part.to());
  }

  List<TokenSequence> sequences(MicroBatches.Part part) {
    return sequences.subList(part.from(), part.to());
  }

  List<float[]> advantages(MicroBatches.Part part) {
    return advantages.subList(part.from(), part.to());
  }

  float[] weights(MicroBatches.Part part) {
    return floats(weights.subList(part.from(), part.to()));
  }

  /** Log-probs below the ratio, or {@code null} when the ratio is 1. */
  @Nullable List<float[]> old(MicroBatches.Part part) {
    return old == null ? null : old.subList(part.from(), part.to());
  }

  void setOld(@Nullable List<float[]> logProbs) {
    old = logProbs;
  }

  /** Log-probs of the starting weights, or {@code null} without KL. */
  @Nullable List<float[]> reference(MicroBatches.Part part) {
    return reference == null ? null : reference.subList(part.from(), part.to());
  }

  void setReference(@Nullable List<float[]> logProbs) {
    reference = logProbs;
  }

  private static float[] floats(List<Float> values) {
    float[] array = new float[values.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = values.get(i);
    }
    return array;
  }
}
