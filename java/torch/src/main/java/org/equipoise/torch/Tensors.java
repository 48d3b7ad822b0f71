package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.NativeLibrary;

/** Small conversions shared by the ops. */
final class Tensors {
  private Tensors() {}

  /** Uninitialised, contiguous, on the device of {@code like}. */
  static Tensor empty(Tensor like, ScalarType type, long... shape) {
    return torch.empty(
        shape,
        like.options().dtype(new ScalarTypeOptional(type)),
        new MemoryFormatOptional(MemoryFormat.Contiguous));
  }

  /** Zeros on the device of {@code like}. */
  static Tensor zeros(Tensor like, ScalarType type, long... shape) {
    return torch.zeros(shape, like.options().dtype(new ScalarTypeOptional(type)));
  }

  static boolean sameType(Tensor a, Tensor b) {
    return a.scalar_type().value == b.scalar_type().value;
  }

  /**
   * The gradient of the sum of {@code values} with respect to {@code leaf}, and of nothing else:
   * the gradients that a model's parameters hold stay what they are. Undefined where there is none.
   */
  static Tensor gradient(Tensor values, Tensor leaf) {
    return torch
        .grad(
            new TensorVector(values.sum()),
            new TensorVector(leaf),
            new TensorVector(),
            new BoolOptional(),
            false,
            true)
        .get(0);
  }

  /** All elements as doubles, in order; synchronises with the tensor's device. */
  static double[] doubles(Tensor tensor) {
    try (PointerScope scope = new PointerScope()) {
      Tensor copy =
          NativeLibrary.alive("tensor", tensor).detach().cpu().to(ScalarType.Double).contiguous();
      double[] values = new double[Math.toIntExact(copy.numel())];
      if (values.length > 0) {
        copy.data_ptr_double().get(values);
      }
      return values;
    }
  }
}
