package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** A WebP with one image. */
final class WebpFile implements EncodedImage {
  private static final int FIRST_CHUNK = 12;
  private static final int ANIMATED = 0x02;
  private static final int SIDE = 0x3fff;

  private final byte[] bytes;
  private final ImageSize size;

  private WebpFile(byte[] bytes, ImageSize size) {
    this.bytes = bytes;
    this.size = size;
  }

  static WebpFile read(byte[] bytes) throws BadImage {
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long end = 8 + Integer.toUnsignedLong(file.getInt(4));
    if (end > bytes.length) {
      throw cut(bytes);
    }
    ImageSize canvas = null;
    long at = FIRST_CHUNK;
    while (at + 8 + 10 <= end) {
      int place = (int) at;
      String name = new String(bytes, place, 4, StandardCharsets.ISO_8859_1);
      int data = place + 8;
      if (name.equals("VP8X") && canvas == null) {
        if ((file.get(data) & ANIMATED) != 0) {
          throw new BadImage("an animated WebP; save its first image");
        }
        canvas =
            new ImageSize(
                (file.getInt(data + 4) & 0xffffff) + 1,
                (file.getInt(data + 6) >>> 8 & 0xffffff) + 1);
      } else if (name.equals("VP8 ") || name.equals("VP8L")) {
        ImageSize size = name.equals("VP8 ") ? lossy(file, data) : lossless(file, data);
        if (canvas != null && !canvas.equals(size)) {
          throw new BadImage("a WebP whose image is of another size than its header says");
        }
        return new WebpFile(bytes, size);
      }
      long length = Integer.toUnsignedLong(file.getInt(place + 4));
      at += 8 + length + length % 2;
    }
    throw cut(bytes);
  }

  private static ImageSize lossy(ByteBuffer file, int at) throws BadImage {
    return ImageSize.of(file.getShort(at + 6) & SIDE, file.getShort(at + 8) & SIDE, "a WebP");
  }

  private static ImageSize lossless(ByteBuffer file, int at) {
    int both = file.getInt(at + 1);
    return new ImageSize((both & SIDE) + 1, (both >> 14 & SIDE) + 1);
  }

  private static BadImage cut(byte[] bytes) {
    return new BadImage("a WebP that is cut off or damaged, of " + bytes.length + " bytes");
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
