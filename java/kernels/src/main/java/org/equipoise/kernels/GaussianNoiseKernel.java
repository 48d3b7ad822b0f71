package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_gaussian_noise_options;
import org.jspecify.annotations.Nullable;

/**
 * Normal noise on images, plain or as a diffusion process adds it.
 *
 * <pre>{@code
 * out = min(max(signal image + deviation z, lower), upper)
 * z[2k]     = sqrt(-2 ln(1 - u[2k])) cos(2 pi u[2k + 1])
 * z[2k + 1] = sqrt(-2 ln(1 - u[2k])) sin(2 pi u[2k + 1])
 * }</pre>
 *
 * u are the uniform numbers of {@link UniformStartKernel}, keyed by (seed, stream of the image,
 * element within the image). z has the same bits on every backend and for every way of batching the
 * images. deviation and bounds are in pixel units and are converted through the pixel space; signal
 * and z act on the tensor's own values. Immutable and thread-safe.
 */
public final class GaussianNoiseKernel {
  private final float signal;
  private final float deviation;
  private final float lower;
  private final float upper;
  private final long seed;
  private final long stream;
  private final PixelSpace pixelSpace;
  private final eqp_gaussian_noise_options options;

  private GaussianNoiseKernel(
      float signal,
      float deviation,
      float lower,
      float upper,
      long seed,
      long stream,
      PixelSpace pixelSpace) {
    this.signal = signal;
    this.deviation = deviation;
    this.lower = lower;
    this.upper = upper;
    this.seed = seed;
    this.stream = stream;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_gaussian_noise_options());
    EquipoiseAbi.eqp_gaussian_noise_options_init(options);
    options.signal(signal);
    options.deviation(deviation);
    options.lower(lower);
    options.upper(upper);
    options.seed(seed);
    options.stream(stream);
    pixelSpace.write(options.pixel_space());
  }

  /**
   * {@code image + deviation z}, without bounds; seed 0, first stream 0, pixels in [0, 1].
   *
   * @param deviation in pixel units; finite, at least 0
   */
  public static GaussianNoiseKernel ofDeviation(double deviation) {
    return new GaussianNoiseKernel(
        1,
        (float) Ranges.notNegative("deviation", (float) deviation),
        Float.NEGATIVE_INFINITY,
        Float.POSITIVE_INFINITY,
        0,
        0,
        PixelSpace.IDENTITY);
  }

  /**
   * The diffusion process of VCD (arXiv 2311.16922) and POVID (arXiv 2402.11411), on tensors as the
   * model sees them (normalised); both use step 500.
   *
   * <pre>{@code
   * beta_t = sigmoid(-6 + 12 t/999) (5e-3 - 1e-5) + 1e-5,   abar_t = product over k <= t of (1 - beta_k)
   * out = sqrt(abar_t) image + sqrt(1 - abar_t) z
   * }</pre>
   *
   * @param step t, from 0 to 999
   * @throws IllegalArgumentException for another step
   */
  public static GaussianNoiseKernel diffusion(int step) {
    NativeLibrary.require();
    float[] signal = new float[1];
    float[] deviation = new float[1];
    Status.check(EquipoiseAbi.eqp_diffusion_scales(step, signal, deviation));
    return ofDeviation(deviation[0]).signal(signal[0]);
  }

  /** Factor of the image; finite. */
  public GaussianNoiseKernel signal(double value) {
    return new GaussianNoiseKernel(
        (float) Ranges.finite("signal", (float) value),
        deviation,
        lower,
        upper,
        seed,
        stream,
        pixelSpace);
  }

  /** Smallest and largest pixel; infinite: no bound. */
  public GaussianNoiseKernel bounds(double newLower, double newUpper) {
    Ranges.ordered(newLower, newUpper);
    return new GaussianNoiseKernel(
        signal, deviation, (float) newLower, (float) newUpper, seed, stream, pixelSpace);
  }

  public GaussianNoiseKernel seed(long value) {
    return new GaussianNoiseKernel(signal, deviation, lower, upper, value, stream, pixelSpace);
  }

  /** Stream of the first image; image i uses this plus i unless streams are given. */
  public GaussianNoiseKernel stream(long value) {
    return new GaussianNoiseKernel(signal, deviation, lower, upper, seed, value, pixelSpace);
  }

  /** Space of the tensor's values, for deviation and bounds. */
  public GaussianNoiseKernel pixelSpace(PixelSpace value) {
    return new GaussianNoiseKernel(signal, deviation, lower, upper, seed, stream, value);
  }

  public float signal() {
    return signal;
  }

  public float deviation() {
    return deviation;
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
  public eqp_gaussian_noise_options abi() {
    return options;
  }

  /**
   * @param images [images, channels, height, width] f32 or bf16
   * @param streams [images] i64; null: consecutive streams
   * @param out same shape and dtype, written; may be the memory of {@code images}
   */
  public void applyInto(TensorView images, @Nullable TensorView streams, TensorView out) {
    applyInto(images, streams, out, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView images, @Nullable TensorView streams, TensorView out, @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(images, streams, out);
    }
    Status.check(
        EquipoiseAbi.eqp_gaussian_noise(
            options, images.abi(), TensorView.abi(streams), out.abi(), Launch.abi(launch)));
  }
}
