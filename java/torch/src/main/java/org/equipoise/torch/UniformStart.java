package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.kernels.UniformStartKernel;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Random start of an attack: {@code out = clamp(original + epsilon (2u - 1))}, u uniform in [0, 1).
 *
 * <p>u comes from Philox4x32-10 keyed by the seed and counted by (element, stream of the image):
 * the same bits on every backend and for every way of batching the images. Immutable and
 * thread-safe.
 */
public final class UniformStart {
  private final UniformStartKernel kernel;

  private UniformStart(UniformStartKernel kernel) {
    this.kernel = kernel;
  }

  /** epsilon 8/255, bounds [0, 1], seed 0, first stream 0, pixels in [0, 1]. */
  public static UniformStart defaults() {
    TorchLibrary.require();
    return new UniformStart(UniformStartKernel.defaults());
  }

  /** Largest shift, in pixel units. */
  public UniformStart epsilon(double value) {
    return new UniformStart(kernel.epsilon(value));
  }

  /** Smallest and largest pixel. */
  public UniformStart bounds(double lower, double upper) {
    return new UniformStart(kernel.bounds(lower, upper));
  }

  public UniformStart seed(long value) {
    return new UniformStart(kernel.seed(value));
  }

  /** Stream of the first image; image i uses this plus i unless streams are given. */
  public UniformStart stream(long value) {
    return new UniformStart(kernel.stream(value));
  }

  public UniformStart pixelSpace(PixelSpace value) {
    return new UniformStart(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public UniformStartKernel options() {
    return kernel;
  }

  /** The started images in new memory, with consecutive streams. */
  public Tensor apply(Tensor original) {
    Tensor out = new Tensor();
    applyInto(original, null, out);
    return out;
  }

  /** The start of whole images, without mask; see the longer form. */
  public void applyInto(Tensor original, @Nullable Tensor streams, Tensor out) {
    applyInto(original, streams, null, null, out);
  }

  /**
   * @param original [images, channels, height, width] f32 or bf16
   * @param streams [images] int64; null: consecutive streams
   * @param mask uint8 or bool of the same shape, or with one channel; where it is 0 pixels stay the
   *     original; null: none
   * @param offsets [images + 1] int32 or int64: first row of each image, for packed patches; null:
   *     a row is an image
   * @param out same shape and dtype, written; may be {@code original}
   */
  public void applyInto(
      Tensor original,
      @Nullable Tensor streams,
      @Nullable Tensor mask,
      @Nullable Tensor offsets,
      Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_uniform_start(
            kernel.abi(),
            alive("original", original),
            alive("streams", streams),
            alive("mask", mask),
            alive("offsets", offsets),
            out),
        out);
  }
}
