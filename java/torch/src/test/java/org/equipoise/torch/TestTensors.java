package org.equipoise.torch;

import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tensors from Java arrays and back. */
final class TestTensors {
  private TestTensors() {}

  static Tensor of(ScalarType type, double[] values, long... shape) {
    return Tensor.create(values, shape).to(type).clone();
  }

  static Tensor ints(int[] values) {
    return Tensor.create(values, values.length).clone();
  }

  static Tensor longs(long[] values) {
    return Tensor.create(values, values.length).clone();
  }

  static Tensor mask(int[] values, long... shape) {
    return Tensor.create(values, shape).to(ScalarType.Bool);
  }

  static Tensor leaf(ScalarType type, double[] values, long... shape) {
    return of(type, values, shape).set_requires_grad(true);
  }

  static double[] gaussian(long seed, int count, double scale, double shift) {
    Random random = new Random(seed);
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = shift + scale * random.nextGaussian();
    }
    return values;
  }

  static double[] doubles(Tensor tensor) {
    return Tensors.doubles(tensor);
  }

  static double scalar(Tensor tensor) {
    return Tensors.doubles(tensor)[0];
  }
}
