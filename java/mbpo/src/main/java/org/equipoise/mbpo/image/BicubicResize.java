package org.equipoise.mbpo.image;

/**
 * Bicubic resizing with antialiasing, to the bit as Pillow's {@code Image.resize(BICUBIC)} does it
 * for 8-bit images: along rows, then along columns, each result rounded to 8 bits.
 *
 * <pre>
 * out(x) = Σ_i w((i − c + ½) / s) in(i) / Σ_i w(...)     c = (x + ½)·in/out, s = max(1, in/out)
 * w(t) = (a+2)|t|³ − (a+3)t² + 1 for |t| &lt; 1;  a(|t|³ − 5t² + 8|t| − 4) for |t| &lt; 2;  a = −½
 * </pre>
 *
 * Weights are rounded to 22 bits of fraction. Stateless and thread-safe.
 */
public final class BicubicResize {
  private static final int FRACTION_BITS = 22;
  private static final double SUPPORT = 2;

  private BicubicResize() {}

  /** The same image where the size is already right. */
  public static RgbImage resize(RgbImage image, int width, int height) {
    byte[] planes = image.planes();
    if (width != image.width()) {
      planes = alongRows(planes, 3 * image.height(), image.width(), width);
    }
    if (height != image.height()) {
      planes = alongColumns(planes, image.height(), width, height);
    }
    return planes == image.planes() ? image : new RgbImage(width, height, planes);
  }

  /** For each output place: the first input it depends on and the weights from there on. */
  private record Weights(int[] first, int[][] fixed) {
    static Weights of(int in, int out) {
      double ratio = (double) in / out;
      double scale = Math.max(1, ratio);
      double support = SUPPORT * scale;
      int[] first = new int[out];
      int[][] fixed = new int[out][];
      for (int x = 0; x < out; x++) {
        double centre = (x + 0.5) * ratio;
        first[x] = Math.max(0, (int) (centre - support + 0.5));
        int count = Math.min(in, (int) (centre + support + 0.5)) - first[x];
        double[] weights = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
          weights[i] = cubic((i + first[x] - centre + 0.5) / scale);
          sum += weights[i];
        }
        fixed[x] = new int[count];
        for (int i = 0; i < count; i++) {
          double weight = weights[i] / sum * (1 << FRACTION_BITS);
          fixed[x][i] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
        }
      }
      return new Weights(first, fixed);
    }

    private static double cubic(double t) {
      double a = -0.5;
      double x = Math.abs(t);
      if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
  }

  private static byte[] alongRows(byte[] planes, int rows, int in, int out) {
    Weights weights = Weights.of(in, out);
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

  private static byte[] alongColumns(byte[] planes, int in, int width, int out) {
    Weights weights = Weights.of(in, out);
    byte[] result = new byte[3 * out * width];
    int[] sums = new int[width];
    for (int plane = 0; plane < 3; plane++) {
      for (int y = 0; y < out; y++) {
        java.util.Arrays.fill(sums, 1 << (FRACTION_BITS - 1));
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
