package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A scalar whose gradients with respect to tensors are known already, for tensors of any size; the
 * way of {@code native/src/torch/attach.h}, in Java. First order only: the gradients have no graph
 * of their own, and must not be written to before {@code backward()}.
 */
final class AttachedGradient {
  private Tensor sum;

  /** Leaves out what has no gradient. */
  AttachedGradient add(Tensor input, Tensor gradient) {
    if (gradient == null) {
      return this;
    }
    // A scalar on the graph edge of the input, times a scalar that the product saves for its
    // backward, and which is replaced by the gradient afterwards.
    Tensor edge = input.alias();
    Tensor factor = Tensors.zeros(input, ScalarType.Float);
    edge.set_data(Tensors.zeros(input, input.scalar_type().intern()));
    Tensor product = edge.mul(factor);
    factor.set_data(gradient);
    sum = sum == null ? product : sum.add(product);
    return this;
  }

  /** {@code value} [] without its own graph, with the graph edges that were added. */
  Tensor finish(Tensor value) {
    if (sum == null) {
      return value.detach();
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      sum.detach().copy_(value);
    }
    return sum;
  }
}
