package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the bytes of an image file say about themselves, without decoding any pixel. */
final class EncodedImage {
  private static final int LONGEST_SIGNATURE = 64;

  private final byte[] bytes;

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

  /** Whether this is a JPEG, PNG or WebP without its end, of which decoders paint the rest grey. */
  @Nullable String cutOff() {
    String kind =
        isJpeg() && !jpegEnds()
            ? "a JPEG"
            : isPng() && !pngEnds() ? "a PNG" : isWebp() && !webpEnds() ? "a WebP" : null;
    return kind == null ? null : kind + " that is cut off after " + bytes.length + " bytes";
  }

  /**
   * Width and height from the header of a whole PNG, JPEG or WebP; {@code null} for other formats
   * and where the size is only found by decoding.
   */
  @Nullable ImageSize size() {
    try {
      return isPng()
          ? ImageSize.ofPng(bytes)
          : isJpeg() ? ImageSize.ofJpeg(bytes) : isWebp() ? ImageSize.ofWebp(bytes) : null;
    } catch (IndexOutOfBoundsException e) {
      return null;
    }
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

  /**
   * Walks the segments of the first image to its end marker; a thumbnail inside a segment has one,
   * too, and cameras append whole videos behind.
   */
  private boolean jpegEnds() {
    int at = 2;
    while (at + 1 < bytes.length) {
      if (unsigned(at) != 0xff) {
        at++;
        continue;
      }
      int marker = unsigned(at + 1);
      if (marker == 0xd9) {
        return true;
      }
      boolean bare = marker == 0xff || marker <= 0x01 || marker >= 0xd0 && marker <= 0xd8;
      if (bare) {
        at += marker == 0xff ? 1 : 2;
      } else if (at + 3 < bytes.length) {
        // Behind the header of a scan come its bytes, in which 0xff is followed by 0 or a restart.
        at += 2 + (unsigned(at + 2) << 8 | unsigned(at + 3));
      } else {
        return false;
      }
    }
    return false;
  }

  private boolean pngEnds() {
    ByteBuffer chunks = ByteBuffer.wrap(bytes);
    long at = 8;
    while (at + 12 <= bytes.length) {
      long length = Integer.toUnsignedLong(chunks.getInt((int) at));
      boolean end = chunks.getInt((int) at + 4) == ('I' << 24 | 'E' << 16 | 'N' << 8 | 'D');
      at += 12 + length;
      if (end) {
        return at <= bytes.length;
      }
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
