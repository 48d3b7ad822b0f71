package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.ImageNormsKernel;
import org.equipoise.kernels.ImageQuantity;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Norms of every image in pixel units: {@code {sum |v|, sqrt(sum v^2), max |v|}} of v = values -
 * minus. No pixels: 0; NaN anywhere in the image: NaN. Not differentiable. Immutable and
 * thread-safe.
 */
public final class ImageNorms {
  private final ImageNormsKernel kernel;

  private ImageNorms(ImageNormsKernel kernel) {
    this.kernel = kernel;
  }

  /** Of differences of pixels in [0, 1]. */
  public static ImageNorms defaults() {
    TorchLibrary.require();
    return new ImageNorms(ImageNormsKernel.defaults());
  }

  public ImageNorms quantity(ImageQuantity value) {
    return new ImageNorms(kernel.quantity(value));
  }

  public ImageNorms pixelSpace(PixelSpace value) {
    return new ImageNorms(kernel.pixelSpace(value));
  }

  /** The options, as held by the kernel. */
  public ImageNormsKernel options() {
    return kernel;
  }

  /** [images, 3]: L1, L2, L-infinity of every image. */
  public Tensor apply(Tensor values, @Nullable Tensor minus) {
    Tensor norms = new Tensor();
    applyInto(values, minus, null, null, norms);
    return norms;
  }

  /**
   * @param minus same shape and dtype as {@code values}; null: nothing is subtracted
   * @param mask uint8 or bool of the same shape, or with one channel: what counts; null: everything
   * @param offsets [images + 1] int32 or int64: first row of each image, for packed patches; null:
   *     a row is an image
   * @param norms [images, 3] f32, written: L1, L2, L-infinity
   */
  public void applyInto(
      Tensor values,
      @Nullable Tensor minus,
      @Nullable Tensor mask,
      @Nullable Tensor offsets,
      Tensor norms) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_image_norms(
            kernel.abi(),
            alive("values", values),
            alive("minus", minus),
            alive("mask", mask),
            alive("offsets", offsets),
            norms),
        norms);
  }
}
