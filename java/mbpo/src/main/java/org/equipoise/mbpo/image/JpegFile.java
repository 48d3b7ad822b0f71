package org.equipoise.mbpo.image;

import org.jspecify.annotations.Nullable;

/** A JPEG that has one header and an end; what cameras append behind it is no part of it. */
final class JpegFile implements EncodedImage {
  private static final int START_OF_SCAN = 0xda;
  private static final int END = 0xd9;

  /**
   * Every scan of a progressive JPEG goes over the whole image, if it is only some bytes long: the
   * largest number of scans times pixels. Encoders write 10 scans, or 18 of four colours.
   */
  private static final long MOST_WORK = 1L << 31;

  private static final int MOST_SCANS = 1000;

  private final byte[] bytes;
  private @Nullable ImageSize size;
  private int scans;

  private JpegFile(byte[] bytes) {
    this.bytes = bytes;
  }

  static JpegFile read(byte[] bytes) throws BadImage {
    JpegFile file = new JpegFile(bytes);
    file.walk();
    if (file.size == null) {
      throw new BadImage("a JPEG without a header of its pixels");
    }
    return file;
  }

  /**
   * The segments of the first image to its end marker; a thumbnail inside a segment has one, too.
   */
  private void walk() throws BadImage {
    int at = 2;
    while (at < bytes.length - 1) {
      int marker = unsigned(at + 1);
      if (unsigned(at) != 0xff || marker == 0xff) {
        at++;
      } else if (marker == END) {
        return;
      } else if (marker <= 0x01 || marker >= 0xd0 && marker <= 0xd7) {
        // Inside a scan 0xff is followed by 0 or by a restart.
        at += 2;
      } else if (marker < 0xc0 || marker == 0xd8) {
        throw cut();
      } else {
        segment(at, marker);
        at += 2 + Math.max(2, two(at + 2));
      }
    }
    throw cut();
  }

  private void segment(int at, int marker) throws BadImage {
    boolean frame = marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) {
      frame(at, marker);
    } else if (marker == 0xcc) {
      throw unknown("arithmetic coding");
    } else if (marker == START_OF_SCAN) {
      scans++;
      if (size == null) {
        throw cut();
      }
      if (scans > MOST_SCANS || scans * size.pixels() > Math.max(MOST_WORK, size.pixels())) {
        throw new BadImage("a JPEG of " + scans + " scans or more, which take too long");
      }
    }
  }

  /** The header of a frame says its height and width. */
  private void frame(int at, int marker) throws BadImage {
    if (marker > 0xc2) {
      throw unknown(marker >= 0xc9 ? "arithmetic coding" : "lossless or hierarchical coding");
    }
    if (size != null) {
      throw new BadImage("a JPEG with two headers of its pixels");
    }
    if (at > bytes.length - 10) {
      throw cut();
    }
    if (unsigned(at + 4) != 8) {
      throw unknown(unsigned(at + 4) + " bits a colour");
    }
    size = ImageSize.of(two(at + 7), two(at + 5), "a JPEG");
  }

  private static BadImage unknown(String coding) {
    return new BadImage("a JPEG with " + coding + ", which few programs read");
  }

  private BadImage cut() {
    return new BadImage("a JPEG that is cut off or damaged, of " + bytes.length + " bytes");
  }

  private int two(int at) {
    return at < bytes.length - 1 ? unsigned(at) << 8 | unsigned(at + 1) : 0;
  }

  private int unsigned(int at) {
    return bytes[at] & 0xff;
  }

  @Override
  public ImageSize size() {
    return size;
  }

  @Override
  public boolean hasEnd() {
    return true;
  }

  @Override
  public RgbImage decode() throws BadImage {
    return NativeImages.decode(bytes);
  }
}
