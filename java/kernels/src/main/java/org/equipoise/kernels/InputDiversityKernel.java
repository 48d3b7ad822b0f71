package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_input_diversity_options;
import org.jspecify.annotations.Nullable;

/**
 * Input diversity (DI-FGSM, arXiv 1803.06978): each image is, with some probability, shrunk to a
 * random size and padded with zeros back to its own, at a random position; and the way back of the
 * gradient.
 *
 * <pre>{@code
 * height' from {floor(rate height), ..., height}, width' likewise with the same random number
 * out[top + y, left + x] = image at ((y + 1/2) height/height' - 1/2, (x + 1/2) width/width' - 1/2)
 * out = 0 elsewhere
 * }</pre>
 *
 * One draw per image, keyed by (seed, step, stream of the image): the same on every backend and for
 * every way of batching the images, and none of the draws of {@link UniformStartKernel} or {@link
 * GaussianNoiseKernel}. Linear in the images; {@link #backwardInto} is the exact transpose of
 * {@link #forwardInto} with the same options. Sides up to 32 767 pixels. Immutable and thread-safe.
 */
public final class InputDiversityKernel {
  private final Interpolation interpolation;
  private final double resizeRate;
  private final double probability;
  private final long seed;
  private final long stream;
  private final long step;
  private final eqp_input_diversity_options options;

  private InputDiversityKernel(
      Interpolation interpolation,
      double resizeRate,
      double probability,
      long seed,
      long stream,
      long step) {
    this.interpolation = interpolation;
    this.resizeRate = resizeRate;
    this.probability = probability;
    this.seed = seed;
    this.stream = stream;
    this.step = step;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_input_diversity_options());
    EquipoiseAbi.eqp_input_diversity_options_init(options);
    options.interpolation(interpolation.code());
    options.resize_rate(resizeRate);
    options.probability(probability);
    options.seed(seed);
    options.stream(stream);
    options.step(step);
  }

  /** Bilinear, rate 0.9, probability 0.5 (torchattacks'), seed 0, first stream 0, step 0. */
  public static InputDiversityKernel defaults() {
    return new InputDiversityKernel(Interpolation.BILINEAR, 0.9, 0.5, 0, 0, 0);
  }

  public InputDiversityKernel interpolation(Interpolation value) {
    return new InputDiversityKernel(value, resizeRate, probability, seed, stream, step);
  }

  /** Smallest size over the image's; above 0, at most 1. */
  public InputDiversityKernel resizeRate(double value) {
    return new InputDiversityKernel(
        interpolation, Ranges.aboveZero("resizeRate", 1, value), probability, seed, stream, step);
  }

  /** Share of the images that are changed; 0 to 1. */
  public InputDiversityKernel probability(double value) {
    return new InputDiversityKernel(
        interpolation, resizeRate, Ranges.within("probability", 0, 1, value), seed, stream, step);
  }

  public InputDiversityKernel seed(long value) {
    return new InputDiversityKernel(interpolation, resizeRate, probability, value, stream, step);
  }

  /** Stream of the first image; image i uses this plus i unless streams are given. */
  public InputDiversityKernel stream(long value) {
    return new InputDiversityKernel(interpolation, resizeRate, probability, seed, value, step);
  }

  /** Which draw of the stream, for example the attack's step; at least 0. */
  public InputDiversityKernel step(long value) {
    return new InputDiversityKernel(
        interpolation, resizeRate, probability, seed, stream, Ranges.notNegative("step", value));
  }

  public Interpolation interpolation() {
    return interpolation;
  }

  public double resizeRate() {
    return resizeRate;
  }

  public double probability() {
    return probability;
  }

  public long seed() {
    return seed;
  }

  public long stream() {
    return stream;
  }

  public long step() {
    return step;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_input_diversity_options abi() {
    return options;
  }

  /**
   * @param images [images, channels, height, width] f32 or bf16
   * @param streams [images] i64; null: consecutive streams
   * @param out same shape and dtype, written; other memory
   */
  public void forwardInto(TensorView images, @Nullable TensorView streams, TensorView out) {
    forwardInto(images, streams, out, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void forwardInto(
      TensorView images, @Nullable TensorView streams, TensorView out, @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(images, streams, out);
    }
    Status.check(
        EquipoiseAbi.eqp_input_diversity_forward(
            options, images.abi(), TensorView.abi(streams), out.abi(), Launch.abi(launch)));
  }

  /**
   * @param dOut gradient with respect to the forward's result
   * @param streams those of the forward
   * @param dImages same shape and dtype, written; other memory
   */
  public void backwardInto(TensorView dOut, @Nullable TensorView streams, TensorView dImages) {
    backwardInto(dOut, streams, dImages, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void backwardInto(
      TensorView dOut, @Nullable TensorView streams, TensorView dImages, @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(dOut, streams, dImages);
    }
    Status.check(
        EquipoiseAbi.eqp_input_diversity_backward(
            options, dOut.abi(), TensorView.abi(streams), dImages.abi(), Launch.abi(launch)));
  }
}
