package org.equipoise.mbpo.image;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** An image file whose header was read and whose pixels were not. */
interface EncodedImage {
  /** Width and height as the header says. */
  ImageSize size();

  /** Whether it is known to have its end; of other kinds that shows when they are decoded. */
  boolean hasEnd();

  /** Decodes it, after its size was found to be bearable. */
  RgbImage decode() throws BadImage;

  /** By the first bytes; a decoder sees only what was found to be of its kind. */
  static EncodedImage of(byte[] bytes) throws BadImage {
    String start = new String(bytes, 0, Math.min(64, bytes.length), StandardCharsets.ISO_8859_1);
    if (start.startsWith("\u0089PNG\r\n\u001a\n")) {
      return PngFile.read(bytes);
    }
    if (start.startsWith("\u00ff\u00d8\u00ff")) {
      return JpegFile.read(bytes);
    }
    if (start.startsWith("RIFF") && start.startsWith("WEBP", 8)) {
      return WebpFile.read(bytes);
    }
    if (start.startsWith("II*\0") || start.startsWith("MM\0*")) {
      return new TiffFile(bytes);
    }
    if (start.startsWith("BM") && bytes.length >= BmpFile.SHORTEST) {
      return new BmpFile(bytes);
    }
    if (start.startsWith("GIF87a") || start.startsWith("GIF89a")) {
      return new GifFile(bytes);
    }
    throw new BadImage(other(start, bytes.length));
  }

  /** What a file is that is no image to read. */
  private static String other(String start, int length) {
    if (length == 0) {
      return "an empty file";
    }
    String text = start.stripLeading().toLowerCase(Locale.ROOT);
    if (start.startsWith("ftyp", 4)) {
      return "an image of the kind " + start.substring(8, Math.min(12, start.length())).strip();
    }
    if (text.startsWith("version https://git-lfs")) {
      return "a pointer of Git LFS (fetch the file itself with: git lfs pull)";
    }
    if (text.startsWith("<!doctype html") || text.startsWith("<html")) {
      return "a web page (a download that failed)";
    }
    if (text.startsWith("<svg") || text.startsWith("<?xml")) {
      return "XML or SVG";
    }
    for (List<String> kind : OTHERS) {
      if (start.startsWith(kind.get(0))) {
        return kind.get(1);
      }
    }
    return length + " bytes that begin as none of these";
  }

  List<List<String>> OTHERS =
      List.of(
          List.of("%PDF", "a PDF"),
          List.of("PK\u0003\u0004", "a ZIP archive"),
          List.of("\0\0\0\fjP  ", "a JPEG 2000"),
          List.of("\u00ff\u004f\u00ff\u0051", "a JPEG 2000"),
          List.of("\u00ff\n", "a JPEG XL"),
          List.of("v/1\u0001", "an OpenEXR image"),
          List.of("#?R", "a Radiance HDR image"),
          List.of("II+\0", "a BigTIFF"),
          List.of("MM\0+", "a BigTIFF"),
          List.of("8BPS", "a Photoshop file"));
}
