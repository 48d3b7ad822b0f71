package org.equipoise.mbpo.image;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.plugins.tiff.BaselineTIFFTagSet;
import javax.imageio.plugins.tiff.TIFFDirectory;
import javax.imageio.plugins.tiff.TIFFField;
import javax.imageio.stream.ImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * TIFF with an alpha channel of 8 bits, which OpenCV gives multiplied by it. As for other kinds of
 * images the colours are taken as they were before, as Pillow has them, and the alpha is dropped.
 */
final class TiffAlpha {
  private static final int OPAQUE = 255;

  private TiffAlpha() {}

  /** The image, or {@code null} where it is of another kind. */
  static @Nullable RgbImage decode(byte[] encoded) throws IOException {
    ImageReader reader = ImageIO.getImageReadersByFormatName("tiff").next();
    try (ImageInputStream stream =
        ImageIO.createImageInputStream(new ByteArrayInputStream(encoded))) {
      reader.setInput(stream);
      TIFFDirectory tags = TIFFDirectory.createFromMetadata(reader.getImageMetadata(0));
      int samples = tag(tags, BaselineTIFFTagSet.TAG_SAMPLES_PER_PIXEL);
      boolean alpha = samples == 2 || samples == 4 && !isCmyk(tags);
      if (!alpha || tag(tags, BaselineTIFFTagSet.TAG_BITS_PER_SAMPLE) != 8) {
        return null;
      }
      if (tag(tags, BaselineTIFFTagSet.TAG_ORIENTATION) > 1) {
        throw new IOException("it is turned and has an alpha channel, save it as PNG");
      }
      return withoutAlpha(reader.read(0), tag(tags, BaselineTIFFTagSet.TAG_EXTRA_SAMPLES));
    } catch (RuntimeException e) {
      throw new IOException(e.getMessage(), e);
    } finally {
      reader.dispose();
    }
  }

  private static boolean isCmyk(TIFFDirectory tags) {
    return tag(tags, BaselineTIFFTagSet.TAG_PHOTOMETRIC_INTERPRETATION)
        == BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_CMYK;
  }

  /** The first value of a tag, or 1 where there is none. */
  private static int tag(TIFFDirectory tags, int number) {
    TIFFField field = tags.getTIFFField(number);
    return field == null ? 1 : field.getAsInt(0);
  }

  private static RgbImage withoutAlpha(BufferedImage image, int extraSamples) {
    Raster raster = image.getRaster();
    int alpha = raster.getNumBands() - 1;
    boolean multiplied = extraSamples == BaselineTIFFTagSet.EXTRA_SAMPLES_ASSOCIATED_ALPHA;
    int width = image.getWidth();
    int height = image.getHeight();
    byte[] planes = new byte[3 * width * height];
    int[] pixel = new int[raster.getNumBands()];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        raster.getPixel(x, y, pixel);
        for (int channel = 0; channel < 3; channel++) {
          int value = pixel[Math.min(channel, alpha - 1)];
          if (multiplied && pixel[alpha] > 0) {
            value = Math.min(OPAQUE, OPAQUE * value / pixel[alpha]);
          }
          planes[(channel * height + y) * width + x] = (byte) value;
        }
      }
    }
    return new RgbImage(width, height, planes);
  }
}
