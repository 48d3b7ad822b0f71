package org.equipoise.mbpo.image;

import java.util.Arrays;
import java.util.Optional;

/** Pillow's filters for resizing, by the codes that processors' files name them with. */
public enum Resampling {
  /** The nearest pixel; no mean of several where an image is made smaller. */
  NEAREST(0, 0) {
    @Override
    double weight(double t) {
      throw new IllegalStateException("the nearest pixel is chosen, not weighed");
    }
  },
  /** A sinc, windowed by the main lobe of a sinc of three times its width. */
  LANCZOS(1, 3) {
    @Override
    double weight(double t) {
      return t >= -3 && t < 3 ? sinc(t) * sinc(t / 3) : 0;
    }
  },
  /** A triangle. */
  BILINEAR(2, 1) {
    @Override
    double weight(double t) {
      return Math.max(0, 1 - Math.abs(t));
    }
  },
  /** Keys' cubic with a = −½. */
  BICUBIC(3, 2) {
    @Override
    double weight(double t) {
      double a = -0.5;
      double x = Math.abs(t);
      if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
  },
  /** The mean of the pixels below. */
  BOX(4, 0.5) {
    @Override
    double weight(double t) {
      return t > -0.5 && t <= 0.5 ? 1 : 0;
    }
  },
  /** A sinc with a Hamming window. */
  HAMMING(5, 1) {
    @Override
    double weight(double t) {
      double x = Math.abs(t);
      if (x == 0) {
        return 1;
      }
      return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI));
    }
  };

  private final int code;
  private final double support;

  Resampling(int code, double support) {
    this.code = code;
    this.support = support;
  }

  /** The filter of a code, where Pillow has one. */
  public static Optional<Resampling> ofCode(long code) {
    return Arrays.stream(values()).filter(filter -> filter.code == code).findFirst();
  }

  /** Half the filter's width, in pixels of the input where it is not made smaller. */
  double support() {
    return support;
  }

  /** The filter at a distance from its centre; not yet normalised. */
  abstract double weight(double t);

  private static double sinc(double t) {
    double x = t * Math.PI;
    return x == 0 ? 1 : Math.sin(x) / x;
  }
}
