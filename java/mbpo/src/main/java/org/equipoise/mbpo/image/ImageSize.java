package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Width and height of an encoded image as its file has them, before any EXIF orientation.
 *
 * @param width in pixels, positive
 * @param height in pixels, positive
 */
public record ImageSize(int width, int height) {
  private static final int PNG_CHUNKS = 8;
  private static final int RIFF_HEADER = 12;

  /**
   * From the first bytes of a PNG, JPEG or WebP; {@code null} for other formats and where the size
   * is only found by decoding.
   *
   * @throws IllegalArgumentException saying what was found in the place of such a file's parts
   */
  static @Nullable ImageSize of(byte[] encoded) {
    ByteBuffer bytes = ByteBuffer.wrap(encoded);
    try {
      if (isPng(encoded)) {
        return png(bytes);
      }
      if (isJpeg(encoded)) {
        return jpeg(bytes);
      }
      return isWebP(encoded) ? webP(bytes.order(ByteOrder.LITTLE_ENDIAN)) : null;
    } catch (IndexOutOfBoundsException e) {
      throw new IllegalArgumentException(
          "a file that is cut off after " + encoded.length + " bytes", e);
    }
  }

  static boolean isPng(byte[] encoded) {
    return startsWith(encoded, 0, 0x89, 'P', 'N', 'G');
  }

  static boolean isJpeg(byte[] encoded) {
    return startsWith(encoded, 0, 0xff, 0xd8);
  }

  static boolean isWebP(byte[] encoded) {
    return startsWith(encoded, 0, 'R', 'I', 'F', 'F') && startsWith(encoded, 8, 'W', 'E', 'B', 'P');
  }

  private static boolean startsWith(byte[] encoded, int at, int... mark) {
    for (int i = 0; i < mark.length; i++) {
      if (at + i >= encoded.length || (encoded[at + i] & 0xff) != mark[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Chunks [length, type, data, checksum] up to IEND; the first one, IHDR, begins with the size.
   */
  private static @Nullable ImageSize png(ByteBuffer bytes) {
    if (bytes.getInt(PNG_CHUNKS + 4) != 0x49484452) {
      return null;
    }
    ImageSize size = positive(bytes.getInt(PNG_CHUNKS + 8), bytes.getInt(PNG_CHUNKS + 12));
    long at = PNG_CHUNKS;
    while (true) {
      long length = bytes.getInt((int) at) & 0xffffffffL;
      boolean last = bytes.getInt((int) at + 4) == 0x49454e44;
      at += 12 + length;
      if (at > bytes.limit()) {
        throw new IllegalArgumentException(
            "a PNG that is cut off after " + bytes.limit() + " bytes");
      }
      if (last) {
        return size;
      }
    }
  }

  /** Segments [0xff, kind, length, data] up to the frame's: precision, height, width. */
  private static @Nullable ImageSize jpeg(ByteBuffer bytes) {
    int at = 2;
    while (true) {
      int kind = bytes.get(at + 1) & 0xff;
      if ((bytes.get(at) & 0xff) != 0xff || kind == 0xda || kind == 0xd9) {
        // Decoders pass over what stands between segments.
        return null;
      }
      if (kind == 0xff) {
        at++;
        continue;
      }
      boolean frame = kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc;
      if (frame) {
        int height = bytes.getShort(at + 5) & 0xffff;
        int width = bytes.getShort(at + 7) & 0xffff;
        return height == 0 ? null : positive(width, height);
      }
      boolean alone = kind == 0x01 || kind >= 0xd0 && kind <= 0xd7;
      at += alone ? 2 : 2 + (bytes.getShort(at + 2) & 0xffff);
    }
  }

  /** A RIFF file whose first chunk is one of three kinds; the size of the picture is in it. */
  private static @Nullable ImageSize webP(ByteBuffer bytes) {
    long length = 8 + (bytes.getInt(4) & 0xffffffffL);
    if (length > bytes.limit()) {
      throw new IllegalArgumentException(
          "a WebP that is cut off after " + bytes.limit() + " of " + length + " bytes");
    }
    int data = RIFF_HEADER + 8;
    return switch (bytes.getInt(RIFF_HEADER)) {
      case 0x20385056 -> // "VP8 ": a start code, then 14 bits for each side
          positive(bytes.getShort(data + 6) & 0x3fff, bytes.getShort(data + 8) & 0x3fff);
      case 0x4c385056 -> { // "VP8L": a byte, then 14 bits for each side less one
        int sides = bytes.getInt(data + 1);
        yield positive((sides & 0x3fff) + 1, (sides >>> 14 & 0x3fff) + 1);
      }
      case 0x58385056 -> // "VP8X": four bytes, then 24 bits for each side less one
          positive((bytes.getInt(data + 4) & 0xffffff) + 1, (bytes.getInt(data + 6) >>> 8) + 1);
      default -> null;
    };
  }

  private static ImageSize positive(int width, int height) {
    if (width < 1 || height < 1) {
      throw new IllegalArgumentException("a header with the size " + width + "x" + height);
    }
    return new ImageSize(width, height);
  }
}
