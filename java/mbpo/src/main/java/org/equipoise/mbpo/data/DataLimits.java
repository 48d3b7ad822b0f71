package org.equipoise.mbpo.data;

import org.equipoise.mbpo.image.ImageFiles;

/**
 * How large what others wrote may be, so that a file made to fill the memory does not.
 *
 * @param fileBytes of a file of samples, pairs or answers; 2 GiB by default
 * @param lineBytes of one of its lines, or of one object of a list; 16 MiB by default
 * @param imagePixels width times height of an image; {@link ImageFiles#MOST_PIXELS} by default
 */
public record DataLimits(long fileBytes, int lineBytes, long imagePixels) {
  /** Three bytes of each are in one array. */
  private static final long ARRAY_PIXELS = (Integer.MAX_VALUE - 8) / 3;

  public DataLimits {
    require("fileBytes", fileBytes, Long.MAX_VALUE);
    require("lineBytes", lineBytes, Integer.MAX_VALUE);
    require("imagePixels", imagePixels, ARRAY_PIXELS);
  }

  /** Every component at its default. */
  public static DataLimits defaults() {
    return new DataLimits(1L << 31, 1 << 24, ImageFiles.MOST_PIXELS);
  }

  private static void require(String name, long value, long most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(name + " must be from 1 to " + most + ", found " + value);
    }
  }
}
