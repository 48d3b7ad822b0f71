package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/** What the bytes of an image file say about themselves, without decoding any pixel. */
final class EncodedImage {
  private static final int LONGEST_SIGNATURE = 64;

  private static final int END_CHUNK = 'I' << 24 | 'E' << 16 | 'N' << 8 | 'D';

  private final byte[] bytes;
  private @Nullable ImageSize jpegSize;

  EncodedImage(byte[] bytes) {
    this.bytes = bytes;
  }

  /** What a file is that is no image to read, or {@code null} where that is not known. */
  @Nullable String otherKind() {
    String start =
        new String(
            bytes, 0, Math.min(LONGEST_SIGNATURE, bytes.length), StandardCharsets.ISO_8859_1);
    String text = start.stripLeading().toLowerCase(java.util.Locale.ROOT);
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
    for (String magic : List.of("%PDF", "PK\u0003\u0004")) {
      if (start.startsWith(magic)) {
        return magic.equals("%PDF") ? "a PDF" : "a ZIP archive";
      }
    }
    return null;
  }

  /**
   * Whether this is a JPEG, PNG or WebP without its end, of which decoders paint the rest grey, or
   * a PNG with damaged bytes; otherwise {@code null}.
   */
  @Nullable String damage() {
    String kind =
        isJpeg() && !jpegEnds()
            ? "a JPEG"
            : isPng() && !pngEnds() ? "a PNG" : isWebp() && !webpEnds() ? "a WebP" : null;
    return kind == null
        ? null
        : kind + " that is cut off or damaged, of " + bytes.length + " bytes";
  }

  boolean isTiff() {
    return starts('I', 'I', 42, 0) || starts('M', 'M', 0, 42);
  }

  private boolean isJpeg() {
    return starts(0xff, 0xd8);
  }

  private boolean isPng() {
    return starts(0x89, 'P', 'N', 'G');
  }

  private boolean isWebp() {
    return starts('R', 'I', 'F', 'F')
        && bytes.length >= 12
        && new String(bytes, 8, 4, StandardCharsets.ISO_8859_1).equals("WEBP");
  }

  /** Width and height as the header says, or {@code null} where this class does not read it. */
  @Nullable ImageSize size() {
    ByteBuffer header = ByteBuffer.wrap(bytes);
    if (isPng() && bytes.length >= 24) {
      return sizeOf(header.getInt(16), header.getInt(20));
    }
    if (isJpeg()) {
      return jpegSize;
    }
    return isWebp() && bytes.length >= 30 ? webpSize(header.order(ByteOrder.LITTLE_ENDIAN)) : null;
  }

  private static @Nullable ImageSize sizeOf(int width, int height) {
    return width > 0 && height > 0 ? new ImageSize(width, height) : null;
  }

  private @Nullable ImageSize webpSize(ByteBuffer header) {
    return switch (new String(bytes, 12, 4, StandardCharsets.ISO_8859_1)) {
      case "VP8 " -> sizeOf(header.getShort(26) & 0x3fff, header.getShort(28) & 0x3fff);
      case "VP8L" -> {
        int both = header.getInt(21);
        yield sizeOf((both & 0x3fff) + 1, (both >> 14 & 0x3fff) + 1);
      }
      case "VP8X" ->
          sizeOf((header.getInt(24) & 0xffffff) + 1, (header.getInt(26) >>> 8 & 0xffffff) + 1);
      default -> null;
    };
  }

  /**
   * Walks the segments of the first image to its end marker; a thumbnail inside a segment has one,
   * too, and cameras append whole videos behind.
   */
  private boolean jpegEnds() {
    int at = 2;
    while (at + 1 < bytes.length) {
      int marker = unsigned(at + 1);
      if (unsigned(at) != 0xff || marker == 0xff) {
        at++;
      } else if (marker == 0xd9) {
        return true;
      } else if (marker <= 0x01 || marker >= 0xd0 && marker <= 0xd8) {
        // Inside a scan 0xff is followed by 0 or by a restart.
        at += 2;
      } else if (at + 8 < bytes.length) {
        noteSize(at, marker);
        at += 2 + two(at + 2);
      } else {
        return false;
      }
    }
    return false;
  }

  /** The header of a frame says its height and width. */
  private void noteSize(int at, int marker) {
    boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8;
    if (frame && marker != 0xcc && jpegSize == null) {
      jpegSize = sizeOf(two(at + 7), two(at + 5));
    }
  }

  private int two(int at) {
    return at + 1 < bytes.length ? unsigned(at) << 8 | unsigned(at + 1) : 0;
  }

  /** Whether every chunk is whole and has the checksum that it says. */
  private boolean pngEnds() {
    ByteBuffer chunks = ByteBuffer.wrap(bytes);
    long at = 8;
    while (at + 12 <= bytes.length) {
      long length = Integer.toUnsignedLong(chunks.getInt((int) at));
      if (at + 12 + length > bytes.length) {
        return false;
      }
      CRC32 checksum = new CRC32();
      checksum.update(bytes, (int) at + 4, (int) length + 4);
      if ((int) checksum.getValue() != chunks.getInt((int) (at + 8 + length))) {
        return false;
      }
      if (chunks.getInt((int) at + 4) == END_CHUNK) {
        return true;
      }
      at += 12 + length;
    }
    return false;
  }

  private boolean webpEnds() {
    int size = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
    return Integer.toUnsignedLong(size) + 8 <= bytes.length;
  }

  private boolean starts(int... mark) {
    if (bytes.length < mark.length) {
      return false;
    }
    for (int i = 0; i < mark.length; i++) {
      if (unsigned(i) != mark[i]) {
        return false;
      }
    }
    return true;
  }

  private int unsigned(int at) {
    return bytes[at] & 0xff;
  }
}
