package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.GaussianNoiseKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Normal noise on images, plain or as a diffusion process adds it.
 *
 * <pre>{@code
 * out = min(max(signal image + deviation z, lower), upper),   z standard normal
 * }</pre>
 *
 * z comes from the uniform numbers of {@link UniformStart} by Box and Muller, keyed by the seed and
 * counted by (element, stream of the image): the same bits on every backend and for every way of
 * batching the images. Images are [images, channels, height, width] f32 or bf16. deviation and
 * bounds are in pixel units and are converted through the pixel space; signal and z act on the
 * tensor's own values. Not differentiable. Immutable and thread-safe.
 */
public final class GaussianNoise {
  private final GaussianNoiseKernel kernel;

  private GaussianNoise(GaussianNoiseKernel kernel) {
    this.kernel = kernel;
  }

  /**
   * {@code image + deviation z}, without bounds; seed 0, first stream 0, pixels in [0, 1].
   *
   * @param deviation in pixel units; finite, at least 0
   */
  public static GaussianNoise ofDeviation(double deviation) {
    TorchLibrary.require();
    return new GaussianNoise(GaussianNoiseKernel.ofDeviation(deviation));
  }

  /**
   * The diffusion process of VCD (arXiv 2311.16922) and POVID (arXiv 2402.11411), on tensors as the
   * model sees them (normalised); both use step 500.
   *
   * <pre>{@code
   * beta_t = sigmoid(-6 + 12 t/999) (5e-3 - 1e-5) + 1e-5,   abar_t = product over k <= t of (1 - beta_k)
   * out = sqrt(abar_t) image + sqrt(1 - abar_t) z
   * }</pre>
   *
   * @param step t, from 0 to 999
   * @throws IllegalArgumentException for another step
   */
  public static GaussianNoise diffusion(int step) {
    TorchLibrary.require();
    return new GaussianNoise(GaussianNoiseKernel.diffusion(step));
  }

  /** Factor of the image; finite. */
  public GaussianNoise signal(double value) {
    return new GaussianNoise(kernel.signal(value));
  }

  /** Smallest and largest pixel; infinite: no bound. */
  public GaussianNoise bounds(double lower, double upper) {
    return new GaussianNoise(kernel.bounds(lower, upper));
  }

  public GaussianNoise seed(long value) {
    return new GaussianNoise(kernel.seed(value));
  }

  /** Stream of the first image; image i uses this plus i unless streams are given. */
  public GaussianNoise stream(long value) {
    return new GaussianNoise(kernel.stream(value));
  }

  /** Space of the tensor's values, for deviation and bounds. */
  public GaussianNoise pixelSpace(PixelSpace value) {
    return new GaussianNoise(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public GaussianNoiseKernel options() {
    return kernel;
  }

  /** The noisy images in new memory, with consecutive streams. */
  public Tensor apply(Tensor images) {
    Tensor out = new Tensor();
    applyInto(images, null, out);
    return out;
  }

  /**
   * @param images [images, channels, height, width] f32 or bf16
   * @param streams [images] int64; null: consecutive streams
   * @param out same shape and dtype, written; may be {@code images}
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   */
  public void applyInto(Tensor images, @Nullable Tensor streams, Tensor out) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_gaussian_noise(
            kernel.abi(), alive("images", images), alive("streams", streams), out),
        out);
  }
}
