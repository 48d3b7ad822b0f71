package org.equipoise.kernels;

import java.nio.Buffer;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_tensor;

/**
 * A view of memory that the caller owns: address, element type, device, shape and strides, encoded
 * once into native memory. Immutable, so it may be shared between threads; the memory it describes
 * is the caller's business. It keeps the pointer or buffer it was made from reachable; once a
 * {@code PointerScope} or {@code close()} has freed the pointer, the view is refused. Close it to
 * free the descriptor (not the data, but for tensors that {@link CudaStream} allocated); an
 * unclosed one is freed by the garbage collector.
 */
public final class TensorView implements AutoCloseable {
  private final eqp_tensor tensor;
  private final Object owner;
  private final boolean ownsMemory;
  private final boolean hasMemory;
  private final DataType type;
  private final Device device;
  private final long[] shape;

  private TensorView(
      Pointer data,
      Object owner,
      boolean ownsMemory,
      DataType type,
      Device device,
      long[] shape,
      long[] strides) {
    NativeLibrary.require();
    if (shape.length > EquipoiseAbi.EQP_MAX_DIMS) {
      throw new IllegalArgumentException(
          "expected at most "
              + EquipoiseAbi.EQP_MAX_DIMS
              + " dimensions, found "
              + Arrays.toString(shape));
    }
    if (shape.length != strides.length) {
      throw new IllegalArgumentException(
          "expected one stride per dimension, found shape "
              + Arrays.toString(shape)
              + " and strides "
              + Arrays.toString(strides));
    }
    if (data != null && data.position() != 0) {
      throw new IllegalArgumentException(
          "expected a pointer at position 0, found position "
              + data.position()
              + "; take getPointer(position) first");
    }
    this.owner = owner;
    this.ownsMemory = ownsMemory;
    hasMemory = data != null && !data.isNull();
    this.type = type;
    this.device = device;
    this.shape = shape.clone();
    tensor = NativeLibrary.keep(new Descriptor(owner));
    tensor.data(data);
    tensor.dtype(type.code());
    tensor.device_type(device.type());
    tensor.device_index(device.index());
    tensor.ndim(shape.length);
    for (int i = 0; i < shape.length; i++) {
      tensor.shape(i, shape[i]);
      tensor.stride(i, strides[i]);
    }
  }

  /** A contiguous tensor in host memory, starting at the pointer's address. */
  public static TensorView of(Pointer data, DataType type, long... shape) {
    return new TensorView(data, data, false, type, Device.CPU, shape, contiguous(shape));
  }

  /**
   * A contiguous tensor in a direct buffer, starting at its first element (the position is
   * ignored).
   *
   * @throws IllegalArgumentException if the buffer is not direct or too small
   */
  public static TensorView of(Buffer data, DataType type, long... shape) {
    if (!data.isDirect()) {
      throw new IllegalArgumentException("expected a direct buffer, found one on the Java heap");
    }
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    long bytes = (long) data.capacity() * elementBytes(data);
    if (elements * type.bytes() > bytes) {
      throw new IllegalArgumentException(
          "expected a buffer of at least "
              + elements * type.bytes()
              + " bytes for "
              + type
              + " "
              + Arrays.toString(shape)
              + ", found "
              + bytes);
    }
    Pointer pointer = new Pointer(data.duplicate().clear());
    return new TensorView(pointer, data, false, type, Device.CPU, shape, contiguous(shape));
  }

  /**
   * A contiguous tensor at a raw address, for memory of which there is neither pointer nor buffer.
   * Nothing is known of it but the number: it must hold the shape's elements until the last call
   * that uses the view has returned.
   *
   * @throws IllegalArgumentException if the address is 0
   */
  public static TensorView at(long address, DataType type, Device device, long... shape) {
    if (address == 0) {
      throw new IllegalArgumentException("expected an address, found 0");
    }
    Pointer pointer = new Address(address);
    return new TensorView(pointer, pointer, false, type, device, shape, contiguous(shape));
  }

  private static final class Address extends Pointer {
    Address(long value) {
      address = value;
    }
  }

  /** Any strides (in elements) on any device. The innermost stride must be 1. */
  public static TensorView strided(
      Pointer data, DataType type, Device device, long[] shape, long[] strides) {
    return new TensorView(data, data, false, type, device, shape, strides);
  }

  /** A contiguous tensor whose memory is released, by its reference count, when it is closed. */
  static TensorView owning(Pointer data, DataType type, Device device, long... shape) {
    return new TensorView(
        NativeLibrary.keep(data), data, true, type, device, shape, contiguous(shape));
  }

  public DataType type() {
    return type;
  }

  public Device device() {
    return device;
  }

  public long[] shape() {
    return shape.clone();
  }

  /** The descriptor, for calls into {@link EquipoiseAbi}. */
  public eqp_tensor abi() {
    if (tensor.isNull()) {
      throw new IllegalStateException("this TensorView is closed");
    }
    if (hasMemory) {
      NativeLibrary.alive("memory of this TensorView", owner);
    }
    return tensor;
  }

  /** The descriptor, or null for an absent optional tensor. */
  static eqp_tensor abi(TensorView view) {
    return view == null ? null : view.abi();
  }

  /** The pointer or buffer this was made from; null for a tensor without memory. */
  Object owner() {
    return owner;
  }

  long bytes() {
    return bytes(type, shape);
  }

  static long bytes(DataType type, long... shape) {
    return Arrays.stream(shape).reduce(type.bytes(), Math::multiplyExact);
  }

  boolean isContiguous() {
    long[] expected = contiguous(shape);
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] > 1 && abi().stride(i) != expected[i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    if (!tensor.isNull()) {
      tensor.deallocate();
      if (ownsMemory) {
        ((Pointer) owner).releaseReference();
      }
    }
  }

  @Override
  public String toString() {
    return type
        + " "
        + Arrays.toString(shape)
        + " on "
        + device
        + " in "
        + (owner == null ? "no memory" : owner.getClass().getSimpleName());
  }

  private static long[] contiguous(long[] shape) {
    long[] strides = new long[shape.length];
    long step = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= Math.max(1, shape[i]);
    }
    return strides;
  }

  private static int elementBytes(Buffer buffer) {
    if (buffer instanceof java.nio.ByteBuffer) {
      return 1;
    }
    if (buffer instanceof java.nio.ShortBuffer || buffer instanceof java.nio.CharBuffer) {
      return 2;
    }
    return buffer instanceof java.nio.IntBuffer || buffer instanceof java.nio.FloatBuffer ? 4 : 8;
  }

  /** Keeps the memory reachable as long as a native call holds the descriptor. */
  private static final class Descriptor extends eqp_tensor {
    @SuppressWarnings("unused") // being there is what it does
    private final Object owner;

    Descriptor(Object owner) {
      this.owner = owner;
    }
  }
}
