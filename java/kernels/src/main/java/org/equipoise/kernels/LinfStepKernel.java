package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_linf_step_options;
import org.jspecify.annotations.Nullable;

/**
 * One L-infinity step with projection and clamp in one pass (I-FGSM/PGD, arXiv 1706.06083;
 * momentum: MI-FGSM, arXiv 1710.06081; previous: APGD, arXiv 2003.01690).
 *
 * <pre>{@code
 * P(y) = min(max(min(max(y, original - epsilon), original + epsilon), lower), upper)
 * without momentum: s = sign(gradient)
 * with momentum:    momentum <- decay momentum + gradient / mean_image |gradient|;  s = sign(momentum)
 * z   = P(pixels + direction step_size s)
 * out = z, or with previous P(pixels + blend (z - pixels) + (1 - blend) (pixels - previous))
 * }</pre>
 *
 * epsilon, step size, bounds and the mean are in pixel units and converted per channel. NaN
 * gradients give NaN pixels. Immutable and thread-safe.
 */
public final class LinfStepKernel {
  private final Direction direction;
  private final float epsilon;
  private final float stepSize;
  private final float lower;
  private final float upper;
  private final float momentumDecay;
  private final float blend;
  private final PixelSpace pixelSpace;
  private final eqp_linf_step_options options;

  private LinfStepKernel(
      Direction direction,
      float epsilon,
      float stepSize,
      float lower,
      float upper,
      float momentumDecay,
      float blend,
      PixelSpace pixelSpace) {
    this.direction = direction;
    this.epsilon = epsilon;
    this.stepSize = stepSize;
    this.lower = lower;
    this.upper = upper;
    this.momentumDecay = momentumDecay;
    this.blend = blend;
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
    options.blend(blend);
    pixelSpace.write(options.pixel_space());
  }

  /** Descend, epsilon 8/255, step 2/255, bounds [0, 1], momentum decay 1, pixels in [0, 1]. */
  public static LinfStepKernel defaults() {
    return new LinfStepKernel(
        Direction.DESCEND, 8 / 255f, 2 / 255f, 0, 1, 1, 0.75f, PixelSpace.IDENTITY);
  }

  public LinfStepKernel direction(Direction value) {
    return new LinfStepKernel(
        value, epsilon, stepSize, lower, upper, momentumDecay, blend, pixelSpace);
  }

  /** Radius of the ball around the original, in pixel units; finite, at least 0. */
  public LinfStepKernel epsilon(double value) {
    return new LinfStepKernel(
        direction,
        (float) Ranges.notNegative("epsilon", (float) value),
        stepSize,
        lower,
        upper,
        momentumDecay,
        blend,
        pixelSpace);
  }

  /** Length of the step, in pixel units; finite, at least 0. */
  public LinfStepKernel stepSize(double value) {
    return new LinfStepKernel(
        direction,
        epsilon,
        (float) Ranges.notNegative("stepSize", (float) value),
        lower,
        upper,
        momentumDecay,
        blend,
        pixelSpace);
  }

  /** Smallest and largest pixel. */
  public LinfStepKernel bounds(double newLower, double newUpper) {
    Ranges.bounds(newLower, newUpper);
    return new LinfStepKernel(
        direction,
        epsilon,
        stepSize,
        (float) newLower,
        (float) newUpper,
        momentumDecay,
        blend,
        pixelSpace);
  }

  /** Decay of the momentum; finite, at least 0; unused in calls without a momentum tensor. */
  public LinfStepKernel momentumDecay(double value) {
    return new LinfStepKernel(
        direction,
        epsilon,
        stepSize,
        lower,
        upper,
        (float) Ranges.notNegative("momentumDecay", (float) value),
        blend,
        pixelSpace);
  }

  /** Share of the step in a call with the previous iterate, 0 to 1; unused in other calls. */
  public LinfStepKernel blend(double value) {
    return new LinfStepKernel(
        direction,
        epsilon,
        stepSize,
        lower,
        upper,
        momentumDecay,
        (float) Ranges.within("blend", 0, 1, (float) value),
        pixelSpace);
  }

  public LinfStepKernel pixelSpace(PixelSpace value) {
    return new LinfStepKernel(
        direction, epsilon, stepSize, lower, upper, momentumDecay, blend, value);
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

  public float blend() {
    return blend;
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
      @Nullable TensorView momentum,
      TensorView out) {
    applyInto(pixels, original, gradient, momentum, null, null, null, null, out, null);
  }

  /**
   * The same with everything that a step can have, on the stream and with the scratch memory of
   * {@code launch}. On CUDA it returns when the work is queued; errors in data come with the next
   * {@link CudaStream#synchronize()} or {@link Launch#check()}.
   *
   * @param previous same shape and dtype: the iterate before {@code pixels}; null: no blend
   * @param mask u8 or bool of the same shape, or with one channel; where it is 0 pixels stay the
   *     original; null: none
   * @param offsets [images + 1] i32 or i64: first row of each image, for packed patches; null: a
   *     row is an image
   * @param stepSizes [images] f32 in pixel units; null: the option
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView pixels,
      TensorView original,
      TensorView gradient,
      @Nullable TensorView momentum,
      @Nullable TensorView previous,
      @Nullable TensorView mask,
      @Nullable TensorView offsets,
      @Nullable TensorView stepSizes,
      TensorView out,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(pixels, original, gradient, momentum, previous, mask, offsets, stepSizes, out);
    }
    Status.check(
        EquipoiseAbi.eqp_linf_step(
            options,
            pixels.abi(),
            original.abi(),
            gradient.abi(),
            TensorView.abi(momentum),
            TensorView.abi(previous),
            TensorView.abi(mask),
            TensorView.abi(offsets),
            TensorView.abi(stepSizes),
            out.abi(),
            Launch.abi(launch)));
  }
}
