package org.equipoise.mbpo.tensor;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.torch.Equipoise;

/**
 * Java arrays to LibTorch tensors that own their memory, and back; they load LibTorch where nobody
 * has. Thread-safe.
 */
public final class HostTensors {
  private HostTensors() {}

  /** A tensor's sizes. */
  public static long[] shape(Tensor tensor) {
    long[] shape = new long[(int) tensor.dim()];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = tensor.size(d);
    }
    return shape;
  }

  /** Float32 tensor on the CPU. */
  public static Tensor floats(float[] values, long... shape) {
    Equipoise.initialize();
    try (FloatPointer source = new FloatPointer(values)) {
      return torch.from_blob(source, shape).clone();
    }
  }

  /** Int64 tensor on the CPU. */
  public static Tensor longs(long[] values, long... shape) {
    Equipoise.initialize();
    try (LongPointer source = new LongPointer(values);
        TensorOptions int64 = new TensorOptions(ScalarType.Long)) {
      return torch.from_blob(source, shape, int64).clone();
    }
  }

  /** Boolean tensor on the CPU, one byte an element; non-zero is true. */
  public static Tensor booleans(byte[] values, long... shape) {
    Equipoise.initialize();
    try (BytePointer source = new BytePointer(values);
        TensorOptions bool = new TensorOptions(ScalarType.Bool)) {
      return torch.from_blob(source, shape, bool).clone();
    }
  }

  /** The values of a tensor of any device and float type, row by row. */
  public static float[] toFloats(Tensor tensor) {
    Tensor host = tensor.detach().cpu().to(ScalarType.Float).contiguous();
    float[] values = new float[Math.toIntExact(host.numel())];
    if (values.length > 0) {
      host.data_ptr_float().get(values);
    }
    return values;
  }

  /** The values of an unsigned 8-bit tensor, row by row. */
  public static byte[] toBytes(Tensor tensor) {
    Tensor host = tensor.cpu().contiguous();
    byte[] values = new byte[Math.toIntExact(host.numel())];
    if (values.length > 0) {
      new BytePointer(host.data_ptr()).get(values);
    }
    return values;
  }

  /** A CPU tensor on the device where another one lives. */
  public static Tensor onDeviceOf(Tensor other, Tensor host) {
    return other.is_cpu() ? host : host.to(other.device(), host.scalar_type());
  }
}
