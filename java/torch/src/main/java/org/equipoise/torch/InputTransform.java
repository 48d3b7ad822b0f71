package org.equipoise.torch;

import java.util.function.BiFunction;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A random transformation of the images before the objective sees them (input diversity, EOT). It
 * must give the same for the same draw.
 */
public interface InputTransform {
  /**
   * Which transformation: equal draws are equal transformations.
   *
   * @param seed of the attack
   * @param step counts the draws of the attack, from 0
   * @param streams [images] int64: random stream of each image; null: 0, 1, 2, …
   */
  record Draw(long seed, long step, @Nullable Tensor streams) {
    public Draw {
      if (step < 0) {
        throw new IllegalArgumentException("step: expected at least 0, found " + step);
      }
    }
  }

  /** The transformed images; they may belong to the caller's innermost pointer scope. */
  Tensor forward(Tensor images, Draw draw);

  /**
   * The gradient with respect to the images, from that with respect to the transformed ones.
   *
   * @param images those of the forward
   */
  Tensor backward(Tensor gradient, Tensor images, Draw draw);

  /** A transformation made of differentiable LibTorch ops; the backward runs it once more. */
  static InputTransform differentiable(BiFunction<Tensor, Draw, Tensor> function) {
    return new InputTransform() {
      @Override
      public Tensor forward(Tensor images, Draw draw) {
        try (AutoGradMode none = new AutoGradMode(false)) {
          return function.apply(images, draw);
        }
      }

      @Override
      public Tensor backward(Tensor gradient, Tensor images, Draw draw) {
        try (AutoGradMode recorded = new AutoGradMode(true)) {
          Tensor leaf = images.detach().set_requires_grad(true);
          Tensor transformed = function.apply(leaf, draw);
          if (transformed == null || transformed.isNull()) {
            throw new IllegalArgumentException("transformation: expected a tensor, found null");
          }
          Tensor dImages = Tensors.gradient(transformed.mul(gradient), leaf);
          if (!dImages.defined()) {
            throw new IllegalArgumentException(
                "transformation: expected images that depend on the given ones, found others");
          }
          return dImages;
        }
      }
    };
  }
}
