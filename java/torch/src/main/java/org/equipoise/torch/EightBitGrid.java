package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.EightBitGridKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Projection onto the 8-bit grid, the values a PNG holds exactly.
 *
 * <p>{@code code = round_half_even(255 pixel)}, moved to the nearest code inside [original -
 * epsilon, original + epsilon] and the bounds, all in pixel units; when no code lies inside the
 * ball, the code nearest to the original. NaN pixels become code 0 and NaN among the floats.
 * Immutable and thread-safe.
 */
public final class EightBitGrid {
  private final EightBitGridKernel kernel;

  private EightBitGrid(EightBitGridKernel kernel) {
    this.kernel = kernel;
  }

  /** No ball, bounds [0, 1], pixels in [0, 1]. */
  public static EightBitGrid defaults() {
    TorchLibrary.require();
    return new EightBitGrid(EightBitGridKernel.defaults());
  }

  /** Radius of the ball around the original, in pixel units; infinity: no ball. */
  public EightBitGrid epsilon(double value) {
    return new EightBitGrid(kernel.epsilon(value));
  }

  /** Smallest and largest pixel. */
  public EightBitGrid bounds(double lower, double upper) {
    return new EightBitGrid(kernel.bounds(lower, upper));
  }

  public EightBitGrid pixelSpace(PixelSpace value) {
    return new EightBitGrid(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public EightBitGridKernel options() {
    return kernel;
  }

  /**
   * The nearest images on the grid, in the tensor's own space.
   *
   * @param original null without a ball
   */
  public Tensor apply(Tensor pixels, @Nullable Tensor original) {
    Tensor out = new Tensor();
    applyInto(pixels, original, out, null);
    return out;
  }

  /**
   * The codes 0 to 255 themselves, uint8.
   *
   * @param original null without a ball
   */
  public Tensor codes(Tensor pixels, @Nullable Tensor original) {
    Tensor codes = new Tensor();
    applyInto(pixels, original, null, codes);
    return codes;
  }

  /**
   * @param pixels [images, channels, height, width] f32 or bf16
   * @param original same shape and dtype; null without a ball
   * @param out same shape and dtype, written; may be null, may be {@code pixels}
   * @param codes same shape, uint8, written; may be null, but not together with {@code out}
   */
  public void applyInto(
      Tensor pixels, @Nullable Tensor original, @Nullable Tensor out, @Nullable Tensor codes) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_eight_bit(
            kernel.abi(), alive("pixels", pixels), alive("original", original), out, codes),
        out,
        codes);
  }
}
