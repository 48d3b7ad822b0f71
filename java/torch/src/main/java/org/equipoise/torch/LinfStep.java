package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.LinfStepKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;
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
 * Images are [images, channels, height, width] f32 or bf16; epsilon, step size, bounds and the mean
 * are in pixel units and converted per channel through the pixel space. NaN gradients give NaN
 * pixels. Not differentiable. Immutable and thread-safe.
 */
public final class LinfStep {
  private final LinfStepKernel kernel;

  private LinfStep(LinfStepKernel kernel) {
    this.kernel = kernel;
  }

  /** Descend, epsilon 8/255, step 2/255, bounds [0, 1], momentum decay 1, pixels in [0, 1]. */
  public static LinfStep defaults() {
    TorchLibrary.require();
    return new LinfStep(LinfStepKernel.defaults());
  }

  public LinfStep direction(Direction value) {
    return new LinfStep(kernel.direction(value));
  }

  /** Radius of the ball around the original, in pixel units. */
  public LinfStep epsilon(double value) {
    return new LinfStep(kernel.epsilon(value));
  }

  /** Length of the step, in pixel units. */
  public LinfStep stepSize(double value) {
    return new LinfStep(kernel.stepSize(value));
  }

  /** Smallest and largest pixel. */
  public LinfStep bounds(double lower, double upper) {
    return new LinfStep(kernel.bounds(lower, upper));
  }

  /** Decay of the momentum; unused in calls without a momentum tensor. */
  public LinfStep momentumDecay(double value) {
    return new LinfStep(kernel.momentumDecay(value));
  }

  /** Share of the step in a call with the previous iterate, 0 to 1; unused in other calls. */
  public LinfStep blend(double value) {
    return new LinfStep(kernel.blend(value));
  }

  public LinfStep pixelSpace(PixelSpace value) {
    return new LinfStep(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public LinfStepKernel options() {
    return kernel;
  }

  /** The stepped images in new memory. */
  public Tensor apply(Tensor pixels, Tensor original, Tensor gradient) {
    Tensor out = new Tensor();
    applyInto(pixels, original, gradient, null, out);
    return out;
  }

  /** The step on whole images, without mask and previous iterate; see the longer form. */
  public void applyInto(
      Tensor pixels, Tensor original, Tensor gradient, @Nullable Tensor momentum, Tensor out) {
    applyInto(pixels, original, gradient, momentum, null, null, null, null, out);
  }

  /**
   * @param original same shape and dtype as {@code pixels}
   * @param gradient same shape and dtype as {@code pixels}
   * @param momentum same shape, f32, read and written; may be null
   * @param previous same shape and dtype: the iterate before {@code pixels}; null: no blend
   * @param mask uint8 or bool of the same shape, or with one channel; where it is 0 pixels stay the
   *     original; null: none
   * @param offsets [images + 1] int32 or int64: first row of each image, for packed patches; null:
   *     a row is an image
   * @param stepSizes [images] f32 in pixel units; null: the option
   * @param out written; may be {@code pixels}
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void applyInto(
      Tensor pixels,
      Tensor original,
      Tensor gradient,
      @Nullable Tensor momentum,
      @Nullable Tensor previous,
      @Nullable Tensor mask,
      @Nullable Tensor offsets,
      @Nullable Tensor stepSizes,
      Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_linf_step(
            kernel.abi(),
            alive("pixels", pixels),
            alive("original", original),
            alive("gradient", gradient),
            alive("momentum", momentum),
            alive("previous", previous),
            alive("mask", mask),
            alive("offsets", offsets),
            alive("stepSizes", stepSizes),
            out),
        out,
        momentum);
  }
}
