package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_l2_step_options;
import org.jspecify.annotations.Nullable;

/**
 * One L2 step with projection and clamp (PGD-L2, arXiv 1706.06083); g and the norms of one image in
 * pixel units.
 *
 * <pre>{@code
 * d   = pixels + direction step_size g / ||g|| - original
 * out = min(max(original + d min(1, epsilon / ||d||), lower), upper)
 * }</pre>
 *
 * A zero gradient moves nothing; NaN or infinite gradients give NaN in the whole image. Immutable
 * and thread-safe.
 */
public final class L2StepKernel {
  private final Direction direction;
  private final float epsilon;
  private final float stepSize;
  private final float lower;
  private final float upper;
  private final PixelSpace pixelSpace;
  private final eqp_l2_step_options options;

  private L2StepKernel(
      Direction direction,
      float epsilon,
      float stepSize,
      float lower,
      float upper,
      PixelSpace pixelSpace) {
    this.direction = direction;
    this.epsilon = epsilon;
    this.stepSize = stepSize;
    this.lower = lower;
    this.upper = upper;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_l2_step_options());
    EquipoiseAbi.eqp_l2_step_options_init(options);
    options.direction(direction.code());
    options.epsilon(epsilon);
    options.step_size(stepSize);
    options.lower(lower);
    options.upper(upper);
    pixelSpace.write(options.pixel_space());
  }

  /** Descend, epsilon 1, step 0.2, bounds [0, 1], pixels in [0, 1]. */
  public static L2StepKernel defaults() {
    return new L2StepKernel(Direction.DESCEND, 1, 0.2f, 0, 1, PixelSpace.IDENTITY);
  }

  public L2StepKernel direction(Direction value) {
    return new L2StepKernel(value, epsilon, stepSize, lower, upper, pixelSpace);
  }

  /** Radius of the ball around the original, in pixel units; finite, at least 0. */
  public L2StepKernel epsilon(double value) {
    return new L2StepKernel(
        direction,
        (float) Ranges.notNegative("epsilon", (float) value),
        stepSize,
        lower,
        upper,
        pixelSpace);
  }

  /** Length of the step, in pixel units; finite, at least 0. */
  public L2StepKernel stepSize(double value) {
    return new L2StepKernel(
        direction,
        epsilon,
        (float) Ranges.notNegative("stepSize", (float) value),
        lower,
        upper,
        pixelSpace);
  }

  /** Smallest and largest pixel. */
  public L2StepKernel bounds(double newLower, double newUpper) {
    Ranges.bounds(newLower, newUpper);
    return new L2StepKernel(
        direction, epsilon, stepSize, (float) newLower, (float) newUpper, pixelSpace);
  }

  public L2StepKernel pixelSpace(PixelSpace value) {
    return new L2StepKernel(direction, epsilon, stepSize, lower, upper, value);
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

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_l2_step_options abi() {
    return options;
  }

  /**
   * On the stream and with the scratch memory of {@code launch}. On CUDA it returns when the work
   * is queued; errors in data come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param pixels [images, channels, height, width] f32 or bf16
   * @param original same shape and dtype
   * @param gradient same shape and dtype
   * @param mask u8 or bool of the same shape, or with one channel; where it is 0 pixels stay the
   *     original; null: none
   * @param offsets [images + 1] i32 or i64: first row of each image, for packed patches; null: a
   *     row is an image
   * @param stepSizes [images] f32 in pixel units; null: the option
   * @param out same shape and dtype, written; may be the memory of {@code pixels}
   * @param launch null: the default stream
   */
  public void applyInto(
      TensorView pixels,
      TensorView original,
      TensorView gradient,
      @Nullable TensorView mask,
      @Nullable TensorView offsets,
      @Nullable TensorView stepSizes,
      TensorView out,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(pixels, original, gradient, mask, offsets, stepSizes, out);
    }
    Status.check(
        EquipoiseAbi.eqp_l2_step(
            options,
            pixels.abi(),
            original.abi(),
            gradient.abi(),
            TensorView.abi(mask),
            TensorView.abi(offsets),
            TensorView.abi(stepSizes),
            out.abi(),
            Launch.abi(launch)));
  }
}
