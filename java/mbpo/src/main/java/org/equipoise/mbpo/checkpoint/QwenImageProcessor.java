package org.equipoise.mbpo.checkpoint;

import java.nio.file.Path;
import org.equipoise.mbpo.image.PillowResize;
import org.equipoise.mbpo.image.Resampling;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.qwen.QwenConfig;

/**
 * Resizes an image to sides that are multiples of a block of patches and to an area within bounds,
 * at about its own proportions, as Qwen2-VL's processor does. Immutable and thread-safe.
 */
public final class QwenImageProcessor implements ImageProcessor {
  /** Pixels of 512 image tokens: what a training step on a small machine can hold. */
  public static final int DEFAULT_MAX_PIXELS = 512 * 28 * 28;

  private static final double LONGEST = 200;

  /** Of the three colours of more pixels Java has no array. */
  private static final long LARGEST_AREA = 1 << 28;

  private final int multiple;
  private final ImageProcessorConfig config;
  private final long minPixels;
  private final long maxPixels;
  private final long wantedMaxPixels;

  private QwenImageProcessor(int multiple, ImageProcessorConfig config, long maxPixels) {
    this.multiple = multiple;
    this.config = config;
    this.wantedMaxPixels = maxPixels;
    this.maxPixels = Math.min(Math.min(config.maxPixels(), maxPixels), LARGEST_AREA);
    this.minPixels = Math.min(config.minPixels(), this.maxPixels);
    if (this.maxPixels < (long) multiple * multiple) {
      throw new IllegalArgumentException(
          "the largest area of an image, the smaller one of model.maxPixels and of the checkpoint's"
              + " own, must be at least that of one image token, "
              + (long) multiple * multiple
              + " pixels, found "
              + this.maxPixels);
    }
  }

  static QwenImageProcessor of(int multiple, long minPixels, long maxPixels) {
    return new QwenImageProcessor(
        multiple,
        new ImageProcessorConfig(
            true, Resampling.BICUBIC, minPixels, maxPixels, new float[3], new float[3]),
        maxPixels);
  }

  /**
   * As the checkpoint's {@code processor_config.json} or {@code preprocessor_config.json} says;
   * where there is neither, with the values of transformers' class.
   *
   * @param vision the model's part for images, with which the files must agree
   * @param maxPixels largest area; also bounded by the files' own
   */
  public static QwenImageProcessor read(Path folder, QwenConfig.Vision vision, long maxPixels) {
    return new QwenImageProcessor(
        vision.pixelMultiple(), ImageProcessorConfig.read(folder, vision), maxPixels);
  }

  /** Smallest area of a resized image, in pixels. */
  public long minPixels() {
    return minPixels;
  }

  /** Largest area of a resized image, in pixels. */
  public long maxPixels() {
    return maxPixels;
  }

  /** Height and width that an image of this size is resized to. */
  record Size(int height, int width) {}

  Size sizeFor(int height, int width) {
    double ratio = (double) Math.max(height, width) / Math.min(height, width);
    if (ratio > LONGEST) {
      throw new IllegalArgumentException(
          "an image's longer side may be at most 200 times its shorter one, found "
              + width
              + "x"
              + height);
    }
    // Math.rint rounds halves to even, as Python's round does.
    long h = (long) Math.rint((double) height / multiple) * multiple;
    long w = (long) Math.rint((double) width / multiple) * multiple;
    double area = (double) height * width;
    if (h * w > maxPixels) {
      double shrink = Math.sqrt(area / maxPixels);
      h = Math.max(multiple, (long) Math.floor(height / shrink / multiple) * multiple);
      w = Math.max(multiple, (long) Math.floor(width / shrink / multiple) * multiple);
    } else if (h * w < minPixels) {
      double grow = Math.sqrt(minPixels / area);
      h = (long) Math.ceil(height * grow / multiple) * multiple;
      w = (long) Math.ceil(width * grow / multiple) * multiple;
    }
    return new Size(Math.toIntExact(h), Math.toIntExact(w));
  }

  @Override
  public RgbImage resize(RgbImage image) {
    if (!config.resize()) {
      return unchanged(image);
    }
    Size size = sizeFor(image.height(), image.width());
    return PillowResize.resize(image, size.width, size.height, config.resampling());
  }

  private RgbImage unchanged(RgbImage image) {
    long area = (long) image.width() * image.height();
    if (image.width() % multiple != 0 || image.height() % multiple != 0 || area > wantedMaxPixels) {
      throw new IllegalArgumentException(
          "the checkpoint's do_resize is false, so an image's sides must be multiples of "
              + multiple
              + " and its area at most "
              + wantedMaxPixels
              + " pixels, as model.maxPixels has it; found "
              + image.width()
              + "x"
              + image.height());
    }
    return image;
  }

  /** Tokens of an image of this size, which is refused where {@link #resize} refuses it. */
  public long tokens(int width, int height) {
    Size size = config.resize() ? sizeFor(height, width) : new Size(height, width);
    return (long) size.height * size.width / ((long) multiple * multiple);
  }

  @Override
  public float[] mean() {
    return config.mean().clone();
  }

  @Override
  public float[] standardDeviation() {
    return config.deviation().clone();
  }
}
