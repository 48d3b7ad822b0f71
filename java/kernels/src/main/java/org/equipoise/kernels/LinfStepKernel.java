package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_linf_step_options;

/**
 * One L-infinity step with projection and clamp in one pass (I-FGSM/PGD, arXiv 1706.06083;
 * momentum: MI-FGSM, arXiv 1710.06081).
 *
 * <pre>{@code
 * without momentum: s = sign(gradient)
 * with momentum:    momentum <- decay momentum + gradient / mean_image |gradient|;  s = sign(momentum)
 * y   = pixels + direction step_size s
 * out = min(max(y, max(original - epsilon, lower)), min(original + epsilon, upper))
 * }</pre>
 *
 * epsilon, step size and bounds are in pixel units and converted per channel. NaN gradients give
 * NaN pixels. Immutable and thread-safe.
 */
public final class LinfStepKernel {
  private final Direction direction;
  private final float epsilon;
  private final float stepSize;
  private final float lower;
  private final float upper;
  private final float momentumDecay;
  private final PixelSpace pixelSpace;
  private final eqp_linf_step_options options;

  private LinfStepKernel(
      Direction direction,
      float epsilon,
      float stepSize,
      float lower,
      float upper,
      float momentumDecay,
      PixelSpace pixelSpace) {
    this.direction = direction;
    this.epsilon = epsilon;
    this.stepSize = stepSize;
    this.lower = lower;
    this.upper = upper;
    this.momentumDecay = momentumDecay;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_linf_step_options());
    EquipoiseAbi.eqp_linf_step_options_init(options);
    options.direction(direction.code());
    options.epsilon(epsilon);
    options.step_size(stepSize);
    options.lower(lower);
    options.upper(upper);
    options.momentum_decay(momentumDecay);
    pixelSpace.write(options.pixel_space());
  }

  /** Descend, epsilon 8/255, step 2/255, bounds [0, 1], momentum decay 1, pixels in [0, 1]. */
  public static LinfStepKernel defaults() {
    return new LinfStepKernel(Direction.DESCEND, 8 / 255f, 2 / 255f, 0, 1, 1, PixelSpace.IDENTITY);
  }

  public LinfStepKernel direction(Direction value) {
    return new LinfStepKernel(value, epsilon, stepSize, lower, upper, momentumDecay, pixelSpace);
  }

  /** Radius of the ball around the original, in pixel units; finite, at least 0. */
  public LinfStepKernel epsilon(double value) {
    return new LinfStepKernel(
        direction, (float) value, stepSize, lower, upper, momentumDecay, pixelSpace);
  }

  /** Length of the step, in pixel units; finite, at least 0. */
  public LinfStepKernel stepSize(double value) {
    return new LinfStepKernel(
        direction, epsilon, (float) value, lower, upper, momentumDecay, pixelSpace);
  }

  /** Smallest and largest pixel. */
  public LinfStepKernel bounds(double newLower, double newUpper) {
    return new LinfStepKernel(
        direction,
        epsilon,
        stepSize,
        (float) newLower,
        (float) newUpper,
        momentumDecay,
        pixelSpace);
  }

  /** Decay of the momentum; at least 0; unused in calls without a momentum tensor. */
  public LinfStepKernel momentumDecay(double value) {
    return new LinfStepKernel(
        direction, epsilon, stepSize, lower, upper, (float) value, pixelSpace);
  }

  public LinfStepKernel pixelSpace(PixelSpace value) {
    return new LinfStepKernel(direction, epsilon, stepSize, lower, upper, momentumDecay, value);
  }

  public Direction direction() {
    return direction;
  }

  public float epsilon() {
    return epsilon;
  }

  public float stepSize() {
    return stepSize;
  }

  public float lower() {
    return lower;
  }

  public float upper() {
    return upper;
  }

  public float momentumDecay() {
    return momentumDecay;
  }

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_linf_step_options abi() {
    return options;
  }

  /**
   * @param pixels [images, channels, height, width] f32 or bf16
   * @param original same shape and dtype
   * @param gradient same shape and dtype
   * @param momentum same shape, f32, read and written; may be null
   * @param out same shape and dtype, written; may be the memory of {@code pixels}
   */
  public void applyInto(
      TensorView pixels,
      TensorView original,
      TensorView gradient,
      TensorView momentum,
      TensorView out) {
    applyInto(pixels, original, gradient, momentum, out, null);
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
      TensorView original,
      TensorView gradient,
      TensorView momentum,
      TensorView out,
      Launch launch) {
    if (launch != null) {
      launch.retain(pixels, original, gradient, momentum, out);
    }
    Status.check(
        EquipoiseAbi.eqp_linf_step(
            options,
            pixels.abi(),
            original.abi(),
            gradient.abi(),
            TensorView.abi(momentum),
            out.abi(),
            Launch.abi(launch)));
  }
}
