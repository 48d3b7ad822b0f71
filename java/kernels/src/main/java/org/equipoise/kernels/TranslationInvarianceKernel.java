package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_translation_invariance_options;
import org.jspecify.annotations.Nullable;

/**
 * Translation invariance (TI-FGSM, arXiv 1904.02884): the gradient of an attack, blurred with one
 * symmetric kernel per channel plane.
 *
 * <pre>{@code
 * out[y, x] = sum over i, j = -half..half of w[i] w[j] gradient[y + i, x + j],  zeros outside
 * half = (length - 1)/2,  w = v / sum(v),  v by shape
 * }</pre>
 *
 * The blur is its own transpose. NaN and Inf spread over the kernel's window. Immutable and
 * thread-safe.
 */
public final class TranslationInvarianceKernel {
  private final BlurShape shape;
  private final int length;
  private final float deviations;
  private final eqp_translation_invariance_options options;

  private TranslationInvarianceKernel(BlurShape shape, int length, float deviations) {
    this.shape = shape;
    this.length = length;
    this.deviations = deviations;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_translation_invariance_options());
    EquipoiseAbi.eqp_translation_invariance_options_init(options);
    options.kernel(shape.code());
    options.length(length);
    options.deviations(deviations);
  }

  /**
   * Gaussian of length 15 with 3 standard deviations at its edge, as the paper and torchattacks.
   */
  public static TranslationInvarianceKernel defaults() {
    return new TranslationInvarianceKernel(BlurShape.GAUSSIAN, 15, 3);
  }

  public TranslationInvarianceKernel shape(BlurShape value) {
    return new TranslationInvarianceKernel(value, length, deviations);
  }

  /** Side of the kernel in pixels; odd, 1 to 31. */
  public TranslationInvarianceKernel length(int value) {
    return new TranslationInvarianceKernel(shape, odd(value), deviations);
  }

  private static int odd(int value) {
    if (Ranges.within("length", 1, EquipoiseAbi.EQP_BLUR_MAX_LENGTH, value) % 2 == 0) {
      throw new IllegalArgumentException("length: expected an odd number, found " + value);
    }
    return value;
  }

  /** Standard deviations from the Gaussian's centre to its edge; above 0, at most 12. */
  public TranslationInvarianceKernel deviations(double value) {
    return new TranslationInvarianceKernel(
        shape, length, (float) Ranges.aboveZero("deviations", 12, (float) value));
  }

  public BlurShape shape() {
    return shape;
  }

  public int length() {
    return length;
  }

  public float deviations() {
    return deviations;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_translation_invariance_options abi() {
    return options;
  }

  /**
   * @param gradient [images, channels, height, width] f32 or bf16
   * @param out same shape and dtype, written; other memory
   */
  public void applyInto(TensorView gradient, TensorView out) {
    applyInto(gradient, out, null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void applyInto(TensorView gradient, TensorView out, @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(gradient, out);
    }
    Status.check(
        EquipoiseAbi.eqp_translation_invariance(
            options, gradient.abi(), out.abi(), Launch.abi(launch)));
  }
}
