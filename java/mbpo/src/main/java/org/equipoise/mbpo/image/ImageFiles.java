package org.equipoise.mbpo.image;

import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imdecode;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imencode;

import java.io.IOException;
import java.nio.file.Path;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.Mat;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * Image files through OpenCV: PNG, JPEG, WebP, TIFF, BMP, GIF (its first frame) and PNM; PNG is
 * written. EXIF orientation is applied, an alpha channel is dropped. Thread-safe.
 */
public final class ImageFiles {
  private static final String READ = "PNG, JPEG, WebP, TIFF, BMP, GIF or PNM";
  private static final int LONGEST_REASON = 120;

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
    EncodedImage file = whole(encoded, name);
    try {
      RgbImage tiff = file.isTiff() ? TiffAlpha.decode(encoded) : null;
      return tiff != null ? tiff : decode(encoded, file, name);
    } catch (IOException e) {
      throw corrupt(name, "a TIFF that cannot be read: " + e.getMessage());
    }
  }

  /**
   * The size of an image file that is whole, as far as that can be told without decoding it, which
   * is done for kinds other than JPEG, PNG and WebP. An unreadable one is refused by name.
   */
  public static ImageSize size(Path file) {
    byte[] encoded = AtomicFiles.read(file);
    ImageSize size = whole(encoded, file.toString()).size();
    if (size != null) {
      return size;
    }
    RgbImage image = decode(encoded, file.toString());
    return new ImageSize(image.width(), image.height());
  }

  private static EncodedImage whole(byte[] encoded, String name) {
    if (encoded.length == 0) {
      throw corrupt(name, "the file is empty");
    }
    EncodedImage file = new EncodedImage(encoded);
    String damage = file.damage();
    if (damage != null) {
      throw corrupt(name, damage);
    }
    return file;
  }

  private static RgbImage decode(byte[] encoded, EncodedImage file, String name) {
    OpenCv.require();
    try (PointerScope scope = new PointerScope();
        BytePointer bytes = new BytePointer(encoded);
        Mat buffer = new Mat(1, encoded.length, opencv_core.CV_8UC1, bytes);
        Mat decoded = imdecode(buffer, IMREAD_COLOR)) {
      if (decoded == null || decoded.isNull() || decoded.empty()) {
        String other = file.otherKind();
        throw corrupt(
            name, other != null ? other : encoded.length + " bytes that no image decoder accepts");
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
            + ": expected "
            + READ
            + ", found "
            + shortened(String.valueOf(found))
            + "; replace the file");
  }

  /** Decoders say their file and line first. */
  private static String shortened(String reason) {
    return Excerpt.beginning(reason.lines().findFirst().orElse(""), LONGEST_REASON);
  }
}
