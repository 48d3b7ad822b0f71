package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.LinfStepKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;

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
 * Images are [images, channels, height, width] f32 or bf16; epsilon, step size and bounds are in
 * pixel units and converted per channel through the pixel space. NaN gradients give NaN pixels. Not
 * differentiable. Immutable and thread-safe.
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

  /**
   * @param original same shape and dtype as {@code pixels}
   * @param gradient same shape and dtype as {@code pixels}
   * @param momentum same shape, f32, read and written; may be null
   * @param out written; may be {@code pixels}
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void applyInto(
      Tensor pixels, Tensor original, Tensor gradient, Tensor momentum, Tensor out) {
    TorchLibrary.check(
        TorchAdapter.eqp_torch_linf_step(kernel.abi(), pixels, original, gradient, momentum, out));
  }
}
