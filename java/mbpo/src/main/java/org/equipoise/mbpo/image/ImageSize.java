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

  /** The first chunk [length, type, data, checksum] begins with the size if it is IHDR. */
  static @Nullable ImageSize ofPng(byte[] encoded) {
    ByteBuffer bytes = ByteBuffer.wrap(encoded);
    return bytes.getInt(PNG_CHUNKS + 4) == 0x49484452
        ? of(bytes.getInt(PNG_CHUNKS + 8), bytes.getInt(PNG_CHUNKS + 12))
        : null;
  }

  /** Segments [0xff, kind, length, data] up to the frame's: precision, height, width. */
  static @Nullable ImageSize ofJpeg(byte[] encoded) {
    ByteBuffer bytes = ByteBuffer.wrap(encoded);
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
        return of(width, height);
      }
      boolean alone = kind == 0x01 || kind >= 0xd0 && kind <= 0xd7;
      at += alone ? 2 : 2 + (bytes.getShort(at + 2) & 0xffff);
    }
  }

  /** A RIFF file whose first chunk is one of three kinds; the size of the picture is in it. */
  static @Nullable ImageSize ofWebp(byte[] encoded) {
    ByteBuffer bytes = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN);
    int data = RIFF_HEADER + 8;
    return switch (bytes.getInt(RIFF_HEADER)) {
      case 0x20385056 -> // "VP8 ": a start code, then 14 bits for each side
          of(bytes.getShort(data + 6) & 0x3fff, bytes.getShort(data + 8) & 0x3fff);
      case 0x4c385056 -> { // "VP8L": a byte, then 14 bits for each side less one
        int sides = bytes.getInt(data + 1);
        yield of((sides & 0x3fff) + 1, (sides >>> 14 & 0x3fff) + 1);
      }
      case 0x58385056 -> // "VP8X": four bytes, then 24 bits for each side less one
          of((bytes.getInt(data + 4) & 0xffffff) + 1, (bytes.getInt(data + 6) >>> 8) + 1);
      default -> null;
    };
  }

  /** Decoders decide about impossible sizes. */
  private static @Nullable ImageSize of(int width, int height) {
    return width > 0 && height > 0 ? new ImageSize(width, height) : null;
  }
}
