package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_eight_bit_options;
import org.jspecify.annotations.Nullable;

/**
 * Projection onto the 8-bit grid, the values a PNG holds exactly.
 *
 * <p>{@code code = round_half_even(255 pixel)}, moved to the nearest code inside [original -
 * epsilon, original + epsilon] and [lower, upper], all in pixel units; when no code lies inside the
 * ball, the code nearest to the original. NaN pixels become code 0 and NaN in {@code out}.
 * Immutable and thread-safe.
 */
public final class EightBitGridKernel {
  private final float epsilon;
  private final float lower;
  private final float upper;
  private final PixelSpace pixelSpace;
  private final eqp_eight_bit_options options;

  private EightBitGridKernel(float epsilon, float lower, float upper, PixelSpace pixelSpace) {
    this.epsilon = epsilon;
    this.lower = lower;
    this.upper = upper;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_eight_bit_options());
    EquipoiseAbi.eqp_eight_bit_options_init(options);
    options.epsilon(epsilon);
    options.lower(lower);
    options.upper(upper);
    pixelSpace.write(options.pixel_space());
  }

  /** No ball, bounds [0, 1], pixels in [0, 1]. */
  public static EightBitGridKernel defaults() {
    return new EightBitGridKernel(Float.POSITIVE_INFINITY, 0, 1, PixelSpace.IDENTITY);
  }

  /**
   * Radius of the ball around the original, in pixel units; infinity: no ball, no original needed.
   */
  public EightBitGridKernel epsilon(double value) {
    return new EightBitGridKernel(
        (float) Ranges.atLeast("epsilon", 0, (float) value), lower, upper, pixelSpace);
  }

  /** Smallest and largest pixel. */
  public EightBitGridKernel bounds(double newLower, double newUpper) {
    Ranges.bounds(newLower, newUpper);
    return new EightBitGridKernel(epsilon, (float) newLower, (float) newUpper, pixelSpace);
  }

  public EightBitGridKernel pixelSpace(PixelSpace value) {
    return new EightBitGridKernel(epsilon, lower, upper, value);
  }

  public float epsilon() {
    return epsilon;
  }

  public float lower() {
    return lower;
  }

  public float upper() {
    return upper;
  }

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_eight_bit_options abi() {
    return options;
  }

  /**
   * @param pixels [images, channels, height, width] f32 or bf16
   * @param original same shape and dtype; null with an infinite epsilon
   * @param out same shape and dtype, written; may be null, may be the memory of {@code pixels}
   * @param codes same shape, u8, written; may be null, but not together with {@code out}
   */
  public void applyInto(
      TensorView pixels,
      @Nullable TensorView original,
      @Nullable TensorView out,
      @Nullable TensorView codes) {
    applyInto(pixels, original, out, codes, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors in data come with the next {@link CudaStream#synchronize()} or
   * {@link Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView pixels,
      @Nullable TensorView original,
      @Nullable TensorView out,
      @Nullable TensorView codes,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(pixels, original, out, codes);
    }
    Status.check(
        EquipoiseAbi.eqp_eight_bit(
            options,
            pixels.abi(),
            TensorView.abi(original),
            TensorView.abi(out),
            TensorView.abi(codes),
            Launch.abi(launch)));
  }
}
