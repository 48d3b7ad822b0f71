package org.equipoise.mbpo.image;

import java.util.Arrays;

/**
 * Resizing with antialiasing, to the bit as Pillow's {@code Image.resize} does it for 8-bit images:
 * along rows, then along columns, each result rounded to 8 bits.
 *
 * <pre>
 * out(x) = Σ_i w((i − c + ½) / s) in(i) / Σ_i w(...)     c = (x + ½)·in/out, s = max(1, in/out)
 * </pre>
 *
 * with the filter w of {@link Resampling}. Weights are rounded to 22 bits of fraction. Stateless
 * and thread-safe.
 */
public final class PillowResize {
  private static final int FRACTION_BITS = 22;

  private PillowResize() {}

  /** The same image where the size is already right. */
  public static RgbImage resize(RgbImage image, int width, int height, Resampling filter) {
    if (width == image.width() && height == image.height()) {
      return image;
    }
    if (filter == Resampling.NEAREST) {
      return nearest(image, width, height);
    }
    byte[] planes = image.planes();
    if (width != image.width()) {
      planes = alongRows(planes, 3 * image.height(), image.width(), width, filter);
    }
    if (height != image.height()) {
      planes = alongColumns(planes, image.height(), width, height, filter);
    }
    return new RgbImage(width, height, planes);
  }

  private static RgbImage nearest(RgbImage image, int width, int height) {
    int[] columns = nearest(image.width(), width);
    int[] rows = nearest(image.height(), height);
    byte[] result = new byte[3 * height * width];
    for (int plane = 0; plane < 3; plane++) {
      for (int y = 0; y < height; y++) {
        int from = (plane * image.height() + rows[y]) * image.width();
        int to = (plane * height + y) * width;
        for (int x = 0; x < width; x++) {
          result[to + x] = image.planes()[from + columns[x]];
        }
      }
    }
    return new RgbImage(width, height, result);
  }

  /** Added up step by step, as Pillow does: its rounding decides which of two pixels is nearer. */
  private static int[] nearest(int in, int out) {
    double ratio = (double) in / out;
    int[] places = new int[out];
    double at = ratio * 0.5;
    for (int x = 0; x < out; x++) {
      places[x] = Math.min(in - 1, (int) at);
      at += ratio;
    }
    return places;
  }

  /** For each output place: the first input it depends on and the weights from there on. */
  private record Weights(int[] first, int[][] fixed) {
    static Weights of(int in, int out, Resampling filter) {
      double ratio = (double) in / out;
      double scale = Math.max(1, ratio);
      double support = filter.support() * scale;
      double inverse = 1 / scale;
      int[] first = new int[out];
      int[][] fixed = new int[out][];
      for (int x = 0; x < out; x++) {
        double centre = (x + 0.5) * ratio;
        first[x] = Math.max(0, (int) (centre - support + 0.5));
        int count = Math.min(in, (int) (centre + support + 0.5)) - first[x];
        double[] weights = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
          weights[i] = filter.weight((i + first[x] - centre + 0.5) * inverse);
          sum += weights[i];
        }
        fixed[x] = new int[count];
        for (int i = 0; i < count; i++) {
          double weight = (sum == 0 ? weights[i] : weights[i] / sum) * (1 << FRACTION_BITS);
          fixed[x][i] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
        }
      }
      return new Weights(first, fixed);
    }
  }

  private static byte[] alongRows(byte[] planes, int rows, int in, int out, Resampling filter) {
    Weights weights = Weights.of(in, out, filter);
    byte[] result = new byte[rows * out];
    for (int row = 0; row < rows; row++) {
      for (int x = 0; x < out; x++) {
        int[] own = weights.fixed[x];
        int at = row * in + weights.first[x];
        int sum = 1 << (FRACTION_BITS - 1);
        for (int i = 0; i < own.length; i++) {
          sum += own[i] * (planes[at + i] & 0xff);
        }
        result[row * out + x] = clip(sum);
      }
    }
    return result;
  }

  private static byte[] alongColumns(byte[] planes, int in, int width, int out, Resampling filter) {
    Weights weights = Weights.of(in, out, filter);
    byte[] result = new byte[3 * out * width];
    int[] sums = new int[width];
    for (int plane = 0; plane < 3; plane++) {
      for (int y = 0; y < out; y++) {
        Arrays.fill(sums, 1 << (FRACTION_BITS - 1));
        int[] own = weights.fixed[y];
        for (int i = 0; i < own.length; i++) {
          int at = (plane * in + weights.first[y] + i) * width;
          for (int x = 0; x < width; x++) {
            sums[x] += own[i] * (planes[at + x] & 0xff);
          }
        }
        int to = (plane * out + y) * width;
        for (int x = 0; x < width; x++) {
          result[to + x] = clip(sums[x]);
        }
      }
    }
    return result;
  }

  private static byte clip(int sum) {
    return (byte) Math.max(0, Math.min(255, sum >> FRACTION_BITS));
  }
}
