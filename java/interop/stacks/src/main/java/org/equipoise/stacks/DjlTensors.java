package org.equipoise.stacks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Consumer;
import org.equipoise.kernels.TensorView;

/**
 * Kernels on DJL's arrays. DJL's engines keep their tensors' addresses to themselves, so an array
 * is copied into a direct buffer and back: what the kernels save is worth it from a few kilobytes
 * on.
 */
public final class DjlTensors {
  private DjlTensors() {}

  /**
   * A kernel's view of a copy of an array: float32, float64, bfloat16, int32, int64, uint8 or bool.
   */
  public static TensorView view(NDArray array) {
    ByteBuffer source = array.toByteBuffer();
    ByteBuffer copy =
        ByteBuffer.allocateDirect(source.remaining()).order(ByteOrder.nativeOrder()).put(source);
    return TensorView.of(copy.clear(), type(array.getDataType()), array.getShape().getShape());
  }

  /**
   * A new float32 array that a kernel writes.
   *
   * @param kernel is given the view to write into
   */
  public static NDArray written(NDManager manager, Shape shape, Consumer<TensorView> kernel) {
    long bytes = Math.multiplyExact(shape.size(), Float.BYTES);
    ByteBuffer memory =
        ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
    try (TensorView out =
        TensorView.of(memory, org.equipoise.kernels.DataType.F32, shape.getShape())) {
      kernel.accept(out);
    }
    return manager.create(memory.asFloatBuffer(), shape, DataType.FLOAT32);
  }

  private static org.equipoise.kernels.DataType type(DataType type) {
    return switch (type) {
      case FLOAT32 -> org.equipoise.kernels.DataType.F32;
      case FLOAT64 -> org.equipoise.kernels.DataType.F64;
      case BFLOAT16 -> org.equipoise.kernels.DataType.BF16;
      case INT32 -> org.equipoise.kernels.DataType.I32;
      case INT64 -> org.equipoise.kernels.DataType.I64;
      case UINT8 -> org.equipoise.kernels.DataType.U8;
      case BOOLEAN -> org.equipoise.kernels.DataType.BOOL;
      default ->
          throw new IllegalArgumentException(
              "no kernel takes DJL's "
                  + type
                  + "; those they take are "
                  + Arrays.toString(org.equipoise.kernels.DataType.values()));
    };
  }
}
