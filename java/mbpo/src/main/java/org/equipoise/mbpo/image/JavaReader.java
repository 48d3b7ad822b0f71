package org.equipoise.mbpo.image;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Kinds of images that data sets rarely have, through Java's own readers: a damaged file cannot
 * reach beyond their arrays.
 */
final class JavaReader implements AutoCloseable {
  private final String kind;
  private final ImageReader reader;
  private final MemoryCacheImageInputStream stream;

  /**
   * @param format Java's name of the kind
   * @param kind its name in messages
   */
  JavaReader(byte[] bytes, String format, String kind) {
    this.kind = kind;
    reader = ImageIO.getImageReadersByFormatName(format).next();
    stream = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes));
    reader.setInput(stream);
  }

  /** Asks the reader for something. */
  @FunctionalInterface
  interface Question<T> {
    T ask(ImageReader reader) throws IOException, BadImage;
  }

  <T> T ask(Question<T> question) throws BadImage {
    try {
      return question.ask(reader);
    } catch (IOException | RuntimeException e) {
      String reason = e.getMessage() == null ? "it is cut off" : e.getMessage();
      throw new BadImage(kind + " that cannot be read: " + reason, e);
    }
  }

  ImageSize size() throws BadImage {
    return ask(images -> ImageSize.of(images.getWidth(0), images.getHeight(0), kind));
  }

  BufferedImage image() throws BadImage {
    return ask(images -> images.read(0));
  }

  /** An image of a palette, or of red, green and blue. */
  static RgbImage colours(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    byte[] planes = new byte[RgbImage.bytes(width, height)];
    int plane = planes.length / 3;
    Raster raster = image.getRaster();
    ColorModel colours = image.getColorModel();
    Object pixel = null;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        pixel = raster.getDataElements(x, y, pixel);
        int rgb =
            colours instanceof IndexColorModel palette
                ? palette.getRGB(raster.getSample(x, y, 0))
                : colours.getRGB(pixel);
        int at = y * width + x;
        planes[at] = (byte) (rgb >> 16);
        planes[plane + at] = (byte) (rgb >> 8);
        planes[2 * plane + at] = (byte) rgb;
      }
    }
    return new RgbImage(width, height, planes);
  }

  @Override
  public void close() throws BadImage {
    reader.dispose();
    try {
      stream.close();
    } catch (IOException e) {
      throw new BadImage(kind + " that cannot be closed: " + e.getMessage(), e);
    }
  }
}
