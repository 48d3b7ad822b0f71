package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.equipoise.mbpo.image.BicubicResize;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.storage.Json;

/**
 * Resizes an image to sides that are multiples of a block of patches and to an area within bounds,
 * at about its own proportions, as Qwen2-VL's processor does. Immutable and thread-safe.
 */
public final class QwenImageProcessor implements ImageProcessor {
  /** Pixels of 512 image tokens: what a training step on a small machine can hold. */
  public static final int DEFAULT_MAX_PIXELS = 512 * 28 * 28;

  private static final String FILE = "preprocessor_config.json";
  private static final double LONGEST = 200;
  private static final float[] CLIP_MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
  private static final float[] CLIP_DEVIATION = {0.26862954f, 0.26130258f, 0.27577711f};

  private final int multiple;
  private final long minPixels;
  private final long maxPixels;
  private final float[] mean;
  private final float[] deviation;

  private QwenImageProcessor(
      int multiple, long minPixels, long maxPixels, float[] mean, float[] deviation) {
    if (minPixels < 1 || maxPixels < (long) multiple * multiple || minPixels > maxPixels) {
      throw new IllegalArgumentException(
          "the area of an image must be between 1 <= min_pixels <= max_pixels and max_pixels at"
              + " least "
              + (long) multiple * multiple
              + ", found "
              + minPixels
              + " and "
              + maxPixels);
    }
    this.multiple = multiple;
    this.minPixels = minPixels;
    this.maxPixels = maxPixels;
    this.mean = mean;
    this.deviation = deviation;
  }

  static QwenImageProcessor of(
      int multiple, long minPixels, long maxPixels, float[] mean, float[] deviation) {
    return new QwenImageProcessor(multiple, minPixels, maxPixels, mean, deviation);
  }

  /**
   * From a checkpoint's {@code preprocessor_config.json}, where there is one, otherwise with
   * Qwen2-VL's values.
   *
   * @param multiple of which sides must be: patch size times merge size
   * @param maxPixels largest area; also bounded by the file's own
   */
  public static QwenImageProcessor read(Path folder, int multiple, long maxPixels) {
    Path file = folder.resolve(FILE);
    if (!Files.exists(file)) {
      return new QwenImageProcessor(
          multiple, 56 * 56, maxPixels, CLIP_MEAN.clone(), CLIP_DEVIATION.clone());
    }
    JsonNode config = Json.readObject(file);
    JsonNode size = config.path("size");
    long own = pixels(file, config, "max_pixels", size.path("longest_edge"), maxPixels);
    long least = pixels(file, config, "min_pixels", size.path("shortest_edge"), 56 * 56);
    long most = Math.min(own, maxPixels);
    return new QwenImageProcessor(
        multiple,
        Math.min(least, most),
        most,
        perChannel(file, config, "image_mean", CLIP_MEAN),
        perChannel(file, config, "image_std", CLIP_DEVIATION));
  }

  private static long pixels(
      Path file, JsonNode config, String field, JsonNode edge, long otherwise) {
    JsonNode value = config.hasNonNull(field) ? config.path(field) : edge;
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isIntegralNumber() || value.asLong() < 1) {
      throw new IllegalArgumentException(
          file + ": " + field + ": expected a number of pixels, found " + value);
    }
    return value.asLong();
  }

  private static float[] perChannel(Path file, JsonNode config, String field, float[] otherwise) {
    JsonNode values = config.path(field);
    if (values.isMissingNode()) {
      return otherwise.clone();
    }
    float[] channels = new float[3];
    for (int c = 0; c < 3; c++) {
      channels[c] = (float) values.path(c).asDouble(Double.NaN);
    }
    if (values.size() != 3 || !(channels[0] + channels[1] + channels[2] < Float.MAX_VALUE)) {
      throw new IllegalArgumentException(
          file + ": " + field + ": expected three numbers, found " + values);
    }
    return channels;
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
    Size size = sizeFor(image.height(), image.width());
    return BicubicResize.resize(image, size.width, size.height);
  }

  @Override
  public void requireSize(int width, int height) {
    sizeFor(height, width);
  }

  @Override
  public float[] mean() {
    return mean.clone();
  }

  @Override
  public float[] standardDeviation() {
    return deviation.clone();
  }
}
