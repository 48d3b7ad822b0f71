package org.equipoise.stacks;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.equipoise.kernels.DataType;
import org.equipoise.kernels.TensorView;

/**
 * Kernels on ONNX Runtime's tensors. A tensor over a direct buffer is shared, in both directions;
 * one that a session made is copied.
 */
public final class OnnxTensors {
  private OnnxTensors() {}

  /** A float32 tensor over new direct memory, zeros, which kernels and sessions share. */
  public static OnnxTensor shared(OrtEnvironment environment, long... shape) throws OrtException {
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    FloatBuffer memory =
        ByteBuffer.allocateDirect(Math.toIntExact(elements * Float.BYTES))
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    return OnnxTensor.createTensor(environment, memory, shape);
  }

  /** A kernel's view of a tensor: of its own memory where it is a direct buffer, else of a copy. */
  public static TensorView view(OnnxTensor tensor) {
    long[] shape = tensor.getInfo().getShape();
    DataType type = type(tensor.getInfo().type);
    Buffer own = tensor.getBufferRef().filter(Buffer::isDirect).orElse(null);
    if (own != null) {
      return TensorView.of(own, type, shape);
    }
    ByteBuffer source = tensor.getByteBuffer();
    ByteBuffer copy =
        ByteBuffer.allocateDirect(source.remaining()).order(ByteOrder.nativeOrder()).put(source);
    return TensorView.of(copy.clear(), type, shape);
  }

  private static DataType type(OnnxJavaType type) {
    return switch (type) {
      case FLOAT -> DataType.F32;
      case DOUBLE -> DataType.F64;
      case BFLOAT16 -> DataType.BF16;
      case FLOAT16 -> DataType.F16;
      case INT32 -> DataType.I32;
      case INT64 -> DataType.I64;
      case BOOL -> DataType.BOOL;
      default ->
          throw new IllegalArgumentException(
              "no kernel takes ONNX Runtime's "
                  + type
                  + "; those they take are "
                  + Arrays.toString(DataType.values()));
    };
  }
}
