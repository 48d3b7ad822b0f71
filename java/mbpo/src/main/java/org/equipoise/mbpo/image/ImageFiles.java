package org.equipoise.mbpo.image;

import static org.bytedeco.opencv.global.opencv_imgcodecs.imencode;

import java.nio.file.Path;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.Mat;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Image files: PNG, JPEG and WebP, and of a few plain forms TIFF, BMP and GIF (its first image);
 * PNG is written. What a file is is found by its first bytes and its size by its header, before any
 * decoder sees it. EXIF orientation is applied, an alpha channel is dropped. Thread-safe.
 */
public final class ImageFiles {
  /** The size from which Pillow warns of a bomb: 268 MB when it is decoded, and as much again. */
  public static final long MOST_PIXELS = 89_478_485;

  private static final String READ = "PNG, JPEG, WebP, TIFF, BMP or GIF";
  private static final int LONGEST_REASON = 120;

  /** Half of what a refusal may take. */
  private static final int MOST_BYTES = 1 << 27;

  /** Larger ones are decoded one at a time, whose memory would add up. */
  private static final long LARGE = 1 << 24;

  private static final Object ONE_AT_A_TIME = new Object();

  private ImageFiles() {}

  /** Decodes a file; an unreadable or corrupt one is refused by name. */
  public static RgbImage read(Path file) {
    return read(file, MOST_PIXELS);
  }

  /** The same of a file of at most so many pixels. */
  public static RgbImage read(Path file, long mostPixels) {
    return decode(AtomicFiles.read(file, MOST_BYTES), file.toString(), mostPixels);
  }

  /**
   * Decodes an encoded image.
   *
   * @param name what error messages call it
   */
  public static RgbImage decode(byte[] encoded, String name) {
    return decode(encoded, name, MOST_PIXELS);
  }

  private static RgbImage decode(byte[] encoded, String name, long mostPixels) {
    try {
      return decodeInTurn(bearable(encoded, name, mostPixels));
    } catch (BadImage e) {
      throw corrupt(name, e);
    }
  }

  private static RgbImage decodeInTurn(EncodedImage image) throws BadImage {
    if (image.size().pixels() <= LARGE) {
      return decode(image);
    }
    synchronized (ONE_AT_A_TIME) {
      return decode(image);
    }
  }

  private static RgbImage decode(EncodedImage image) throws BadImage {
    RgbImage decoded = decodedBy(image);
    if (!image.size().isOf(decoded)) {
      throw new BadImage(
          "an image of "
              + decoded.width()
              + "x"
              + decoded.height()
              + " pixels whose header says "
              + image.size().width()
              + "x"
              + image.size().height());
    }
    return decoded;
  }

  private static RgbImage decodedBy(EncodedImage image) throws BadImage {
    try {
      return image.decode();
    } catch (RuntimeException e) {
      throw new BadImage("pixels that cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * The size of an image file that is whole, as far as that can be told without decoding it, which
   * is done for kinds other than PNG, JPEG and WebP. An unreadable one is refused by name.
   */
  public static ImageSize size(Path file) {
    return size(file, MOST_PIXELS);
  }

  /** The same of a file of at most so many pixels. */
  public static ImageSize size(Path file, long mostPixels) {
    try {
      EncodedImage image =
          bearable(AtomicFiles.read(file, MOST_BYTES), file.toString(), mostPixels);
      if (!image.hasEnd()) {
        decodeInTurn(image);
      }
      return image.size();
    } catch (BadImage e) {
      throw corrupt(file.toString(), e);
    }
  }

  private static EncodedImage bearable(byte[] encoded, String name, long mostPixels)
      throws BadImage {
    EncodedImage image = EncodedImage.of(encoded);
    ImageSize size = image.size();
    if (size.pixels() > mostPixels) {
      throw new IllegalArgumentException(
          name
              + ": expected an image of at most "
              + mostPixels
              + " pixels, found "
              + size.width()
              + "x"
              + size.height()
              + "; make it smaller, or raise data.limits.imagePixels if it is to be trusted");
    }
    return image;
  }

  /** PNG bytes of an image; the same bytes for the same image. */
  public static byte[] encodePng(RgbImage image) {
    OpenCv.require();
    int width = image.width();
    int height = image.height();
    byte[] planes = image.planes();
    byte[] interleaved = new byte[planes.length];
    int plane = planes.length / 3;
    for (int i = 0; i < plane; i++) {
      interleaved[3 * i] = planes[2 * plane + i];
      interleaved[3 * i + 1] = planes[plane + i];
      interleaved[3 * i + 2] = planes[i];
    }
    try (PointerScope scope = new PointerScope();
        BytePointer pixels = new BytePointer(interleaved);
        Mat mat = new Mat(height, width, opencv_core.CV_8UC3, pixels);
        BytePointer png = new BytePointer()) {
      if (!imencode(".png", mat, png)) {
        throw new IllegalStateException(
            "OpenCV could not encode a " + width + "x" + height + " PNG");
      }
      byte[] encoded = new byte[(int) png.limit()];
      png.get(encoded);
      return encoded;
    }
  }

  /** Writes a PNG atomically and durably. */
  public static void writePng(Path file, RgbImage image) {
    AtomicFiles.write(file, encodePng(image));
  }

  private static IllegalArgumentException corrupt(String name, BadImage found) {
    return new IllegalArgumentException(
        "cannot decode image "
            + name
            + ": expected "
            + READ
            + ", found "
            + shortened(String.valueOf(found.getMessage()))
            + "; replace the file, or save it as PNG",
        found);
  }

  /** Decoders say their file and line first. */
  private static String shortened(String reason) {
    return Excerpt.beginning(reason.lines().findFirst().orElse(""), LONGEST_REASON);
  }
}
