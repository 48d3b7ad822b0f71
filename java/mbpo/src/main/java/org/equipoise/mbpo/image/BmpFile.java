package org.equipoise.mbpo.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/** A BMP without another file inside and without a colour profile. */
final class BmpFile implements EncodedImage {
  static final int SHORTEST = 26;

  private static final String KIND = "a BMP";
  private static final int OLD_HEADER = 12;
  private static final int PLAIN_HEADER = 40;
  private static final int PROFILED_HEADER = 124;

  private final byte[] bytes;
  private final ImageSize size;

  BmpFile(byte[] bytes) throws BadImage {
    this.bytes = bytes;
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int header = file.getInt(14);
    if (header == OLD_HEADER) {
      size = ImageSize.of(file.getShort(18) & 0xffff, file.getShort(20) & 0xffff, KIND);
      return;
    }
    if (header < PLAIN_HEADER || bytes.length - 14 < header) {
      throw new BadImage(KIND + " with an unknown header");
    }
    // A negative height says that rows stand from top to bottom.
    size = ImageSize.of(file.getInt(18), Math.abs((long) file.getInt(22)), KIND);
    if (!Set.of(0, 1, 2, 3).contains(file.getInt(30))) {
      throw new BadImage(KIND + " with a file of another kind inside");
    }
    if (header >= PROFILED_HEADER && file.getInt(14 + 112) != 0) {
      throw new BadImage(KIND + " with a colour profile");
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
    try (JavaReader reader = new JavaReader(bytes, "bmp", KIND)) {
      if (!reader.size().equals(size)) {
        throw new BadImage(KIND + " whose sizes differ");
      }
      return JavaReader.colours(reader.image());
    }
  }
}
