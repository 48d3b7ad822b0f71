package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.L2StepKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;
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
 * A zero gradient moves nothing; NaN or infinite gradients give NaN in the whole image. Not
 * differentiable. Immutable and thread-safe.
 */
public final class L2Step {
  private final L2StepKernel kernel;

  private L2Step(L2StepKernel kernel) {
    this.kernel = kernel;
  }

  /** Descend, epsilon 1, step 0.2, bounds [0, 1], pixels in [0, 1]. */
  public static L2Step defaults() {
    TorchLibrary.require();
    return new L2Step(L2StepKernel.defaults());
  }

  public L2Step direction(Direction value) {
    return new L2Step(kernel.direction(value));
  }

  /** Radius of the ball around the original, in pixel units. */
  public L2Step epsilon(double value) {
    return new L2Step(kernel.epsilon(value));
  }

  /** Length of the step, in pixel units. */
  public L2Step stepSize(double value) {
    return new L2Step(kernel.stepSize(value));
  }

  /** Smallest and largest pixel. */
  public L2Step bounds(double lower, double upper) {
    return new L2Step(kernel.bounds(lower, upper));
  }

  public L2Step pixelSpace(PixelSpace value) {
    return new L2Step(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public L2StepKernel options() {
    return kernel;
  }

  /** The stepped images in new memory. */
  public Tensor apply(Tensor pixels, Tensor original, Tensor gradient) {
    Tensor out = new Tensor();
    applyInto(pixels, original, gradient, null, null, null, out);
    return out;
  }

  /**
   * @param original same shape and dtype as {@code pixels}
   * @param gradient same shape and dtype as {@code pixels}
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
      @Nullable Tensor mask,
      @Nullable Tensor offsets,
      @Nullable Tensor stepSizes,
      Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_l2_step(
            kernel.abi(),
            alive("pixels", pixels),
            alive("original", original),
            alive("gradient", gradient),
            alive("mask", mask),
            alive("offsets", offsets),
            alive("stepSizes", stepSizes),
            out),
        out);
  }
}
