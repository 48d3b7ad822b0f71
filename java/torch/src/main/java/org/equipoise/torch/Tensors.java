package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Small conversions shared by the ops. */
final class Tensors {
  private Tensors() {}

  /** All elements as doubles, in order; synchronises with the tensor's device. */
  static double[] doubles(Tensor tensor) {
    try (PointerScope scope = new PointerScope()) {
      Tensor copy = tensor.detach().cpu().to(ScalarType.Double).contiguous();
      double[] values = new double[Math.toIntExact(copy.numel())];
      if (values.length > 0) {
        copy.data_ptr_double().get(values);
      }
      return values;
    }
  }
}
