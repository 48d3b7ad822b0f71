package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.UnpairedBatch;

/**
 * Weights by which BCO, arXiv 2404.04656, matches the distributions of its data: an undesirable
 * answer counts as much as its prompt is one of the desirable answers' prompts.
 *
 * <pre>{@code
 * w = 1 for a desirable answer, else p / (1 - p + 1e-8) within [least, most]
 * }</pre>
 *
 * p is the probability, by a classifier of the caller's, that the prompt is one of the desirable
 * data. For {@link UnpairedBatch#weights}.
 */
public final class DensityRatioWeights {
  private DensityRatioWeights() {}

  /** Within TRL's bounds, 0.5 and 10. */
  public static Tensor of(Tensor probabilities, Tensor labels) {
    return of(probabilities, labels, 0.5, 10);
  }

  /**
   * Weights of answers.
   *
   * @param probabilities [answers] f32 or f64
   * @param labels [answers] bool or u8; not 0: a desirable answer
   * @return [answers] in the dtype of the probabilities, without gradient
   */
  public static Tensor of(Tensor probabilities, Tensor labels, double least, double most) {
    if (!(least >= 0 && least <= most)) {
      throw new IllegalArgumentException(
          "least, most: expected 0 <= least <= most, found " + least + " and " + most);
    }
    alive("probabilities", probabilities);
    alive("labels", labels);
    Tensor weights =
        Tensors.empty(probabilities, probabilities.scalar_type().intern(), probabilities.size(0));
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor rest = probabilities.neg().add(new Scalar(1.0)).add(new Scalar(1e-8));
      Tensor ratio =
          probabilities
              .div(rest)
              .clamp(new ScalarOptional(new Scalar(least)), new ScalarOptional(new Scalar(most)));
      weights.copy_(torch.where(labels.ne(new Scalar(0)), new Scalar(1.0), ratio));
    }
    return weights;
  }
}
