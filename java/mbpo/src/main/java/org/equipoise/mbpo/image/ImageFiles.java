package org.equipoise.mbpo.image;

import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imdecode;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imencode;

import java.nio.file.Path;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.Mat;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.jspecify.annotations.Nullable;

/**
 * Image files through OpenCV: PNG, JPEG, WebP and what else it decodes; PNG is written. EXIF
 * orientation is applied, an alpha channel is dropped. Thread-safe.
 */
public final class ImageFiles {
  private static final int TAIL = 1 << 16;

  private ImageFiles() {}

  /** Decodes a file; an unreadable or corrupt one is refused by name. */
  public static RgbImage read(Path file) {
    return decode(AtomicFiles.read(file), file.toString());
  }

  /**
   * Decodes an encoded image.
   *
   * @param name what error messages call it
   */
  public static RgbImage decode(byte[] encoded, String name) {
    if (encoded.length == 0) {
      throw corrupt(name, "the file is empty");
    }
    requireEnd(encoded, name);
    OpenCv.require();
    try (PointerScope scope = new PointerScope();
        BytePointer bytes = new BytePointer(encoded);
        Mat buffer = new Mat(1, encoded.length, opencv_core.CV_8UC1, bytes);
        Mat decoded = imdecode(buffer, IMREAD_COLOR)) {
      if (decoded == null || decoded.isNull() || decoded.empty()) {
        throw corrupt(name, encoded.length + " bytes that no image decoder accepts");
      }
      return fromBgr(decoded);
    } catch (RuntimeException e) {
      if (e instanceof IllegalArgumentException) {
        throw e;
      }
      throw corrupt(name, e.getMessage());
    }
  }

  /** PNG bytes of an image; the same bytes for the same image. */
  public static byte[] encodePng(RgbImage image) {
    OpenCv.require();
    int width = image.width();
    int height = image.height();
    int plane = width * height;
    byte[] planes = image.planes();
    byte[] interleaved = new byte[3 * plane];
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

  /**
   * OpenCV decodes what there is of a truncated JPEG and paints the rest grey, so a PNG or JPEG
   * must have its end marker (other things may follow it).
   */
  private static void requireEnd(byte[] encoded, String name) {
    if (startsWith(encoded, 0x89, 'P', 'N', 'G') && !endHolds(encoded, 'I', 'E', 'N', 'D')) {
      throw corrupt(name, "a PNG that is cut off after " + encoded.length + " bytes");
    }
    if (startsWith(encoded, 0xff, 0xd8) && !endHolds(encoded, 0xff, 0xd9)) {
      throw corrupt(name, "a JPEG that is cut off after " + encoded.length + " bytes");
    }
  }

  private static boolean startsWith(byte[] encoded, int... mark) {
    return encoded.length >= mark.length && matches(encoded, 0, mark);
  }

  private static boolean endHolds(byte[] encoded, int... mark) {
    for (int at = encoded.length - mark.length; at >= Math.max(0, encoded.length - TAIL); at--) {
      if (matches(encoded, at, mark)) {
        return true;
      }
    }
    return false;
  }

  private static boolean matches(byte[] encoded, int at, int... mark) {
    for (int i = 0; i < mark.length; i++) {
      if ((encoded[at + i] & 0xff) != mark[i]) {
        return false;
      }
    }
    return true;
  }

  private static RgbImage fromBgr(Mat mat) {
    int width = mat.cols();
    int height = mat.rows();
    int plane = width * height;
    byte[] row = new byte[3 * width];
    byte[] planes = new byte[3 * plane];
    for (int y = 0; y < height; y++) {
      try (BytePointer source = mat.ptr(y)) {
        source.get(row);
      }
      for (int x = 0; x < width; x++) {
        int at = y * width + x;
        planes[at] = row[3 * x + 2];
        planes[plane + at] = row[3 * x + 1];
        planes[2 * plane + at] = row[3 * x];
      }
    }
    return new RgbImage(width, height, planes);
  }

  private static IllegalArgumentException corrupt(String name, @Nullable String found) {
    return new IllegalArgumentException(
        "cannot decode image "
            + name
            + ": expected PNG or JPEG data, found "
            + found
            + "; replace the file");
  }
}
