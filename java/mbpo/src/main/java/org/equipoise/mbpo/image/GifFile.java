package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The first image of a GIF, which must fill it. */
final class GifFile implements EncodedImage {
  private static final String KIND = "a GIF";

  private final byte[] bytes;
  private final ImageSize size;

  GifFile(byte[] bytes) throws BadImage {
    this.bytes = bytes;
    if (bytes.length < 13) {
      throw new BadImage(KIND + " that is cut off, of " + bytes.length + " bytes");
    }
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    size = ImageSize.of(header.getShort(6) & 0xffff, header.getShort(8) & 0xffff, KIND);
    try (JavaReader reader = new JavaReader(bytes, "gif", KIND)) {
      ImageSize first = reader.size();
      if (!first.equals(size)) {
        throw new BadImage(
            KIND
                + " of "
                + size.width()
                + "x"
                + size.height()
                + " pixels whose first image has "
                + first.width()
                + "x"
                + first.height());
      }
    }
  }

  @Override
  public ImageSize size() {
    return size;
  }

  @Override
  public boolean hasEnd() {
    return false;
  }

  @Override
  public RgbImage decode() throws BadImage {
    try (JavaReader reader = new JavaReader(bytes, "gif", KIND)) {
      return JavaReader.colours(reader.image());
    }
  }
}
