package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.BlurShape;
import org.equipoise.kernels.TranslationInvarianceKernel;
import org.equipoise.torch.adapter.TorchAdapter;

/**
 * Translation invariance (TI-FGSM, arXiv 1904.02884): the gradient of an attack, blurred with one
 * symmetric kernel per channel plane. A transformation of gradients for attacks.
 *
 * <pre>{@code
 * out[y, x] = sum over i, j = -half..half of w[i] w[j] gradient[y + i, x + j],  zeros outside
 * half = (length - 1)/2,  w = v / sum(v),  v by shape
 * }</pre>
 *
 * Gradients are [images, channels, height, width] f32 or bf16. Not differentiable; the blur is its
 * own transpose. Immutable and thread-safe.
 */
public final class TranslationInvariance implements UnaryOperator<Tensor> {
  private final TranslationInvarianceKernel kernel;

  private TranslationInvariance(TranslationInvarianceKernel kernel) {
    this.kernel = kernel;
  }

  /**
   * Gaussian of length 15 with 3 standard deviations at its edge, as the paper and torchattacks.
   */
  public static TranslationInvariance defaults() {
    TorchLibrary.require();
    return new TranslationInvariance(TranslationInvarianceKernel.defaults());
  }

  public TranslationInvariance shape(BlurShape value) {
    return new TranslationInvariance(kernel.shape(value));
  }

  /** Side of the kernel in pixels; odd, 1 to 31. */
  public TranslationInvariance length(int value) {
    return new TranslationInvariance(kernel.length(value));
  }

  /** Standard deviations from the Gaussian's centre to its edge; above 0, at most 12. */
  public TranslationInvariance deviations(double value) {
    return new TranslationInvariance(kernel.deviations(value));
  }

  /** The options, as held by the kernel. */
  public TranslationInvarianceKernel options() {
    return kernel;
  }

  /** The blurred gradient in new memory. */
  @Override
  public Tensor apply(Tensor gradient) {
    Tensor out = new Tensor();
    applyInto(gradient, out);
    return out;
  }

  /**
   * @param gradient [images, channels, height, width] f32 or bf16
   * @param out same shape and dtype, written; other memory
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void applyInto(Tensor gradient, Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_translation_invariance(
            kernel.abi(), alive("gradient", gradient), out),
        out);
  }
}
