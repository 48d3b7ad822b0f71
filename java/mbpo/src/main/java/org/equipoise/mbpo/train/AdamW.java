package org.equipoise.mbpo.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * AdamW (arXiv 1711.05101) whose whole state can be saved: with gradient g, step t from 1, rate η,
 *
 * <pre>
 * m ← β₁m + (1−β₁)g        v ← β₂v + (1−β₂)g²
 * p ← p − ηλp − η·(m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε)
 * </pre>
 *
 * λ applies to tensors of two or more dimensions only. Not thread-safe.
 */
final class AdamW implements AutoCloseable {
  private final OptimizerOptions options;
  private final Map<String, Tensor> parameters;
  private final Map<String, Tensor> first = new LinkedHashMap<>();
  private final Map<String, Tensor> second = new LinkedHashMap<>();

  AdamW(OptimizerOptions options, Map<String, Tensor> parameters) {
    this.options = options;
    this.parameters = parameters;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      parameters.forEach(
          (name, parameter) -> {
            first.put(name, kept(torch.zeros_like(parameter)));
            second.put(name, kept(torch.zeros_like(parameter)));
          });
    }
  }

  /** Clips the global norm and gives the norm before clipping. */
  double clipGradients() {
    TensorVector graded = new TensorVector();
    for (Tensor parameter : parameters.values()) {
      if (parameter.grad().defined()) {
        graded.push_back(parameter);
      }
    }
    if (graded.empty()) {
      return 0;
    }
    double limit = options.gradientClip() > 0 ? options.gradientClip() : Double.POSITIVE_INFINITY;
    return torch.clip_grad_norm_(graded, limit);
  }

  /** One step at the given rate; {@code step} counts from 0. Parameters without gradient stay. */
  void step(int step, double rate) {
    double firstCorrection = 1 - StrictMath.pow(options.beta1(), step + 1);
    double secondCorrection = StrictMath.sqrt(1 - StrictMath.pow(options.beta2(), step + 1));
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Scalar towardsGradient = new Scalar(1 - options.beta1());
      Scalar keepSecond = new Scalar(options.beta2());
      Scalar addSquare = new Scalar(1 - options.beta2());
      Scalar correction = new Scalar(secondCorrection);
      Scalar epsilon = new Scalar(options.epsilon());
      Scalar change = new Scalar(-rate / firstCorrection);
      Scalar decay = new Scalar(1 - rate * options.weightDecay());
      parameters.forEach(
          (name, parameter) -> {
            Tensor gradient = parameter.grad();
            if (!gradient.defined()) {
              return;
            }
            if (options.weightDecay() > 0 && parameter.dim() >= 2) {
              parameter.mul_(decay);
            }
            Tensor m = first.get(name).lerp_(gradient, towardsGradient);
            Tensor v = second.get(name).mul_(keepSecond).addcmul_(gradient, gradient, addSquare);
            parameter.addcdiv_(m, v.sqrt().div_(correction).add_(epsilon), change);
          });
    }
  }

  void zeroGradients() {
    for (Tensor parameter : parameters.values()) {
      if (parameter.grad().defined()) {
        parameter.mutable_grad().zero_();
      }
    }
  }

  Map<String, Tensor> firstMoments() {
    return first;
  }

  Map<String, Tensor> secondMoments() {
    return second;
  }

  @Override
  public void close() {
    first.values().forEach(Tensor::close);
    second.values().forEach(Tensor::close);
  }

  /** A tensor that outlives the PointerScope it was made in. */
  private static Tensor kept(Tensor tensor) {
    return tensor.retainReference();
  }
}
