package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PixelSpace;

/**
 * The images of an attack: a tensor, and how its elements are pixels.
 *
 * <p>The objective sees tensors of the same shape as the one given here. Immutable; thread-safe as
 * long as nobody writes to its tensors.
 */
public final class PixelBatch {
  private final Tensor tensor;
  private final PixelSpace space;
  private final int channels; // of packed patches; 0: images
  private final long[] offsets;
  private final Tensor mask;
  private final long[] streams;

  private PixelBatch(
      Tensor tensor, PixelSpace space, int channels, long[] offsets, Tensor mask, long[] streams) {
    this.tensor = tensor;
    this.space = space;
    this.channels = channels;
    this.offsets = offsets;
    this.mask = mask;
    this.streams = streams;
  }

  /**
   * Whole images of one size.
   *
   * @param images [images, channels, height, width] f32 or bf16, pixels in [0, 1]
   */
  public static PixelBatch of(Tensor images) {
    if (images.dim() != 4) {
      throw new IllegalArgumentException(
          "images: expected [images, channels, height, width], found shape "
              + Arrays.toString(images.shape()));
    }
    return new PixelBatch(images, PixelSpace.IDENTITY, 0, null, null, null);
  }

  /**
   * Packed patches of images of any sizes, as Qwen2-VL's image processor makes them: a row is one
   * patch in the order (channel, temporal copy, row, column).
   *
   * @param patches [patches, channels * copies * n] f32 or bf16
   * @param channels colours of a pixel
   * @param copies temporal copies of a still image (Qwen2-VL: 2); they stay bitwise equal and their
   *     gradients are added
   * @param offsets first row of each image and the number of rows: images + 1 numbers
   */
  public static PixelBatch packed(Tensor patches, int channels, int copies, long... offsets) {
    if (patches.dim() != 2
        || channels < 1
        || copies < 1
        || patches.size(1) % (channels * (long) copies) != 0) {
      throw new IllegalArgumentException(
          "patches: expected [patches, channels * copies * n] for "
              + channels
              + " channels and "
              + copies
              + " copies, found shape "
              + Arrays.toString(patches.shape()));
    }
    boolean legal =
        offsets.length > 0 && offsets[0] == 0 && offsets[offsets.length - 1] == patches.size(0);
    for (int i = 1; i < offsets.length; i++) {
      legal = legal && offsets[i] >= offsets[i - 1];
    }
    if (!legal) {
      throw new IllegalArgumentException(
          "offsets: expected 0, then non-decreasing numbers up to the "
              + patches.size(0)
              + " patches, found "
              + Arrays.toString(offsets));
    }
    return new PixelBatch(
        patches, PixelSpace.IDENTITY.copies(copies), channels, offsets.clone(), null, null);
  }

  /** The affine space the values are in; epsilon and step sizes stay in pixel units. */
  public PixelBatch pixelSpace(PixelSpace value) {
    return new PixelBatch(tensor, value.copies(space.copies()), channels, offsets, mask, streams);
  }

  /**
   * Which pixels may change: where it is 0, they stay the original's.
   *
   * @param value uint8 or bool: [images, channels or 1, height, width]; of packed patches the shape
   *     of the patches, or [patches, n] for all channels and copies
   */
  public PixelBatch mask(Tensor value) {
    return new PixelBatch(tensor, space, channels, offsets, value, streams);
  }

  /** Random stream of each image, so that results do not depend on batching; default 0, 1, 2, … */
  public PixelBatch streams(long... value) {
    if (value.length != images()) {
      throw new IllegalArgumentException(
          "streams: expected one per image, " + images() + ", found " + value.length);
    }
    return new PixelBatch(tensor, space, channels, offsets, mask, value.clone());
  }

  /** The tensor as given. */
  public Tensor tensor() {
    return alive("images", tensor);
  }

  public PixelSpace pixelSpace() {
    return space;
  }

  /** Number of images. */
  public int images() {
    return offsets == null ? Math.toIntExact(tensor().size(0)) : offsets.length - 1;
  }

  /** The same rows as [rows, channels, ...], which the kernels take. */
  Tensor inward(Tensor outside) {
    if (channels == 0) {
      return outside;
    }
    long n = outside.size(1) / channels / space.copies();
    return outside.view(outside.size(0), channels, space.copies(), n);
  }

  /** The kernels' tensor in the shape of the one given. */
  Tensor outward(Tensor inside) {
    return channels == 0 ? inside : inside.view(tensor().shape());
  }

  /** The smallest and the largest pixel, in pixel units; NaN where any is. */
  double[] range() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor inside = inward(tensor().detach().contiguous());
      long count = inside.size(1);
      Tensor byChannel = inside.transpose(0, 1).reshape(count, -1).to(ScalarType.Float);
      double[] least = Tensors.doubles(byChannel.amin(new long[] {1}, false));
      double[] most = Tensors.doubles(byChannel.amax(new long[] {1}, false));
      double smallest = Double.POSITIVE_INFINITY;
      double largest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < least.length; c++) {
        double mean = space.channels() == 0 ? 0 : space.mean()[c];
        double std = space.channels() == 0 ? 1 : space.std()[c];
        smallest = Math.min(smallest, least[c] * std + mean);
        largest = Math.max(largest, most[c] * std + mean);
      }
      return new double[] {smallest, largest};
    }
  }

  /** A copy of its own, as the kernels take it. */
  Tensor original() {
    Tensor own = tensor().detach().contiguous();
    return inward(own);
  }

  /** Null: none. */
  Tensor inwardMask() {
    alive("mask", mask);
    if (mask == null || channels == 0) {
      return mask == null ? null : mask.contiguous();
    }
    long rows = tensor().size(0);
    long n = tensor().size(1) / channels / space.copies();
    if (mask.dim() == 2 && mask.size(1) == n && mask.size(1) != tensor().size(1)) {
      return mask.view(rows, 1, 1, n).expand(rows, 1, space.copies(), n).contiguous();
    }
    return inward(mask.contiguous());
  }

  /** Null: a row is an image. */
  Tensor offsetsOn(Tensor device) {
    return offsets == null ? null : longs(offsets, device);
  }

  /** Null: consecutive streams. */
  Tensor streamsOn(Tensor device) {
    return streams == null ? null : longs(streams, device);
  }

  long stream(int image) {
    return streams == null ? image : streams[image];
  }

  /** The rows of one image. */
  Tensor rows(Tensor inside, int image) {
    return offsets == null
        ? inside.narrow(0, image, 1)
        : inside.narrow(0, offsets[image], offsets[image + 1] - offsets[image]);
  }

  /** One number per image as a factor of the kernels' tensors: [rows, 1, 1, 1]. */
  Tensor perRow(double[] values, Tensor like) {
    double[] rows = new double[Math.toIntExact(like.size(0))];
    for (int i = 0; i < images(); i++) {
      int first = offsets == null ? i : Math.toIntExact(offsets[i]);
      int last = offsets == null ? i + 1 : Math.toIntExact(offsets[i + 1]);
      Arrays.fill(rows, first, last, values[i]);
    }
    return Tensor.create(rows, rows.length, 1, 1, 1).to(like.device(), like.scalar_type());
  }

  /** std^power of every channel: [1, channels or 1, 1, 1], f32. */
  Tensor perChannel(int power, Tensor device) {
    double[] factors = new double[Math.max(1, space.channels())];
    for (int c = 0; c < factors.length; c++) {
      factors[c] = space.channels() == 0 ? 1 : Math.pow(space.std()[c], power);
    }
    return Tensor.create(factors, 1, factors.length, 1, 1).to(device.device(), ScalarType.Float);
  }

  /** One f32 number per image, for the kernels. */
  Tensor perImage(double[] values, Tensor device) {
    return Tensor.create(values, values.length).to(device.device(), ScalarType.Float);
  }

  private static Tensor longs(long[] values, Tensor device) {
    return Tensor.create(values, values.length).to(device.device(), ScalarType.Long);
  }
}
