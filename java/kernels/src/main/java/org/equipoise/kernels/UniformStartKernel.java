package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_uniform_start_options;
import org.jspecify.annotations.Nullable;

/**
 * Random start of an attack: {@code out = clamp(original + epsilon (2u - 1))}, u uniform in [0, 1).
 *
 * <p>u comes from Philox4x32-10 with key = seed and counter = (element / 4, stream of the image):
 * the same bits on every backend and for every way of batching the images. Immutable and
 * thread-safe.
 */
public final class UniformStartKernel {
  private final float epsilon;
  private final float lower;
  private final float upper;
  private final long seed;
  private final long stream;
  private final PixelSpace pixelSpace;
  private final eqp_uniform_start_options options;

  private UniformStartKernel(
      float epsilon, float lower, float upper, long seed, long stream, PixelSpace pixelSpace) {
    this.epsilon = epsilon;
    this.lower = lower;
    this.upper = upper;
    this.seed = seed;
    this.stream = stream;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_uniform_start_options());
    EquipoiseAbi.eqp_uniform_start_options_init(options);
    options.epsilon(epsilon);
    options.lower(lower);
    options.upper(upper);
    options.seed(seed);
    options.stream(stream);
    pixelSpace.write(options.pixel_space());
  }

  /** epsilon 8/255, bounds [0, 1], seed 0, first stream 0, pixels in [0, 1]. */
  public static UniformStartKernel defaults() {
    return new UniformStartKernel(8 / 255f, 0, 1, 0, 0, PixelSpace.IDENTITY);
  }

  /** Largest shift, in pixel units; finite, at least 0. */
  public UniformStartKernel epsilon(double value) {
    return new UniformStartKernel(
        (float) Ranges.notNegative("epsilon", (float) value),
        lower,
        upper,
        seed,
        stream,
        pixelSpace);
  }

  /** Smallest and largest pixel. */
  public UniformStartKernel bounds(double newLower, double newUpper) {
    Ranges.bounds(newLower, newUpper);
    return new UniformStartKernel(
        epsilon, (float) newLower, (float) newUpper, seed, stream, pixelSpace);
  }

  public UniformStartKernel seed(long value) {
    return new UniformStartKernel(epsilon, lower, upper, value, stream, pixelSpace);
  }

  /** Stream of the first image; image i uses this plus i unless streams are given. */
  public UniformStartKernel stream(long value) {
    return new UniformStartKernel(epsilon, lower, upper, seed, value, pixelSpace);
  }

  public UniformStartKernel pixelSpace(PixelSpace value) {
    return new UniformStartKernel(epsilon, lower, upper, seed, stream, value);
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

  public long seed() {
    return seed;
  }

  public long stream() {
    return stream;
  }

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_uniform_start_options abi() {
    return options;
  }

  /**
   * @param original [images, channels, height, width] f32 or bf16
   * @param streams [images] i64; null: consecutive streams
   * @param out same shape and dtype, written; may be the memory of {@code original}
   */
  public void applyInto(TensorView original, @Nullable TensorView streams, TensorView out) {
    applyInto(original, streams, null, null, out, null);
  }

  /**
   * The same with everything that a start can have, on the stream and with the scratch memory of
   * {@code launch}. On CUDA it returns when the work is queued; errors in data come with the next
   * {@link CudaStream#synchronize()} or {@link Launch#check()}.
   *
   * @param mask u8 or bool of the same shape, or with one channel; where it is 0 pixels stay the
   *     original; null: none
   * @param offsets [images + 1] i32 or i64: first row of each image, for packed patches; null: a
   *     row is an image
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView original,
      @Nullable TensorView streams,
      @Nullable TensorView mask,
      @Nullable TensorView offsets,
      TensorView out,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(original, streams, mask, offsets, out);
    }
    Status.check(
        EquipoiseAbi.eqp_uniform_start(
            options,
            original.abi(),
            TensorView.abi(streams),
            TensorView.abi(mask),
            TensorView.abi(offsets),
            out.abi(),
            Launch.abi(launch)));
  }
}
