package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_image_norms_options;
import org.jspecify.annotations.Nullable;

/**
 * Norms of every image in pixel units: {@code {sum |v|, sqrt(sum v^2), max |v|}} of v = values -
 * minus, summed in f64 in a fixed tree. No pixels: 0; NaN anywhere in the image: NaN. Immutable and
 * thread-safe.
 */
public final class ImageNormsKernel {
  private final ImageQuantity quantity;
  private final PixelSpace pixelSpace;
  private final eqp_image_norms_options options;

  private ImageNormsKernel(ImageQuantity quantity, PixelSpace pixelSpace) {
    this.quantity = quantity;
    this.pixelSpace = pixelSpace;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_image_norms_options());
    EquipoiseAbi.eqp_image_norms_options_init(options);
    options.quantity(quantity.code());
    pixelSpace.write(options.pixel_space());
  }

  /** Of differences of pixels in [0, 1]. */
  public static ImageNormsKernel defaults() {
    return new ImageNormsKernel(ImageQuantity.DIFFERENCE, PixelSpace.IDENTITY);
  }

  public ImageNormsKernel quantity(ImageQuantity value) {
    return new ImageNormsKernel(value, pixelSpace);
  }

  public ImageNormsKernel pixelSpace(PixelSpace value) {
    return new ImageNormsKernel(quantity, value);
  }

  public ImageQuantity quantity() {
    return quantity;
  }

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_image_norms_options abi() {
    return options;
  }

  /**
   * On the stream and with the scratch memory of {@code launch}. On CUDA it returns when the work
   * is queued; errors in data come with the next {@link CudaStream#synchronize()} or {@link
   * Launch#check()}.
   *
   * @param values [images, channels, height, width] f32 or bf16
   * @param minus same shape and dtype; null: nothing is subtracted
   * @param mask u8 or bool of the same shape, or with one channel: what counts; null: everything
   * @param offsets [images + 1] i32 or i64: first row of each image, for packed patches; null: a
   *     row is an image
   * @param norms [images, 3] f32, written: L1, L2, L-infinity
   * @param launch null: the default stream
   */
  public void applyInto(
      TensorView values,
      @Nullable TensorView minus,
      @Nullable TensorView mask,
      @Nullable TensorView offsets,
      TensorView norms,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(values, minus, mask, offsets, norms);
    }
    Status.check(
        EquipoiseAbi.eqp_image_norms(
            options,
            values.abi(),
            TensorView.abi(minus),
            TensorView.abi(mask),
            TensorView.abi(offsets),
            norms.abi(),
            Launch.abi(launch)));
  }
}
