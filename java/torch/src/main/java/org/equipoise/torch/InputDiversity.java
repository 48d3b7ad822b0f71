package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.InputDiversityKernel;
import org.equipoise.kernels.Interpolation;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Input diversity (DI-FGSM, arXiv 1803.06978): each image is, with some probability, shrunk to a
 * random size and padded with zeros back to its own, at a random position. An {@link
 * InputTransform} for attacks, with the explicit way back of the gradient:
 *
 * <pre>{@code
 * Tensor shown = diversity.forward(images, draw);             // outside of autograd
 * Tensor leaf = shown.set_requires_grad(true);
 * lossOf(leaf).backward();
 * Tensor gradient = diversity.backward(leaf.grad(), images, draw);
 * }</pre>
 *
 * One draw per image, keyed by (seed, step, stream of the image): the same on every backend and for
 * every way of batching the images. Linear in the images; the backward is the exact transpose of
 * the forward of the same draw. Images are [images, channels, height, width] f32 or bf16, sides up
 * to 32 767. Immutable and thread-safe.
 */
public final class InputDiversity implements InputTransform {
  private final InputDiversityKernel kernel;

  private InputDiversity(InputDiversityKernel kernel) {
    this.kernel = kernel;
  }

  /** Bilinear, rate 0.9, probability 0.5: torchattacks' defaults. */
  public static InputDiversity defaults() {
    TorchLibrary.require();
    return new InputDiversity(InputDiversityKernel.defaults());
  }

  public InputDiversity interpolation(Interpolation value) {
    return new InputDiversity(kernel.interpolation(value));
  }

  /** Smallest size over the image's; above 0, at most 1. */
  public InputDiversity resizeRate(double value) {
    return new InputDiversity(kernel.resizeRate(value));
  }

  /** Share of the images that are changed; 0 to 1. */
  public InputDiversity probability(double value) {
    return new InputDiversity(kernel.probability(value));
  }

  /** The options, as held by the kernel; seed and step come with each draw. */
  public InputDiversityKernel options() {
    return kernel;
  }

  /** The changed images in new memory, outside of autograd. */
  @Override
  public Tensor forward(Tensor images, Draw draw) {
    Tensor out = new Tensor();
    forwardInto(images, draw, out);
    return out;
  }

  /**
   * The gradient with respect to the images in new memory.
   *
   * @param gradient with respect to the changed images
   * @param images unused: the transformation is linear; may be null
   */
  @Override
  public Tensor backward(Tensor gradient, @Nullable Tensor images, Draw draw) {
    Tensor dImages = new Tensor();
    backwardInto(gradient, draw, dImages);
    return dImages;
  }

  /**
   * @param out same shape and dtype as {@code images}, written; other memory
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void forwardInto(Tensor images, Draw draw, Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_input_diversity_forward(
            drawn(draw).abi(), alive("images", images), alive("streams", draw.streams()), out),
        out);
  }

  /**
   * @param dOut gradient with respect to the forward's result
   * @param dImages same shape and dtype as {@code dOut}, written; other memory
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void backwardInto(Tensor dOut, Draw draw, Tensor dImages) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_input_diversity_backward(
            drawn(draw).abi(), alive("dOut", dOut), alive("streams", draw.streams()), dImages),
        dImages);
  }

  private InputDiversityKernel drawn(Draw draw) {
    return kernel.seed(draw.seed()).step(draw.step());
  }
}
