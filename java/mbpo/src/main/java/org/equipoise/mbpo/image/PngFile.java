package org.equipoise.mbpo.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * A PNG whose chunks are whole. Its decoder sees only those that pixels are made of: texts and
 * colour profiles are compressed and may be of any size, and of an animation the image that stands
 * for it is taken.
 */
final class PngFile implements EncodedImage {
  private static final int SIGNATURE = 8;

  /** Bytes that some programs leave behind the pixels. */
  private static final long BEARABLE = 1L << 20;

  /** First column and row of the passes of an interlaced image, and their distances. */
  private static final int[][] PASSES = {
    {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
  };

  private static final int[][] ONE_PASS = {{0, 0, 1, 1}};

  /** eXIf says how the image is turned. */
  private static final Set<String> NEEDED = Set.of("IHDR", "PLTE", "tRNS", "eXIf", "IDAT", "IEND");

  private final byte[] bytes;
  private final ImageSize size;
  private final long rawBytes;

  private PngFile(byte[] bytes, ImageSize size, long rawBytes) {
    this.bytes = bytes;
    this.size = size;
    this.rawBytes = rawBytes;
  }

  /** A chunk of a PNG, with 4 bytes of length, 4 of its name and 4 of its checksum. */
  private record Chunk(String name, int at, int length) {
    int end() {
      return at + 12 + length;
    }
  }

  static PngFile read(byte[] bytes) throws BadImage {
    Chunk header = chunk(bytes, SIGNATURE);
    if (!header.name.equals("IHDR") || header.length != 13) {
      throw cut(bytes);
    }
    ByteBuffer fields = ByteBuffer.wrap(bytes, header.at + 8, 13).slice();
    ImageSize size = ImageSize.of(fields.getInt(0), fields.getInt(4), "a PNG");
    PngFile file =
        new PngFile(bytes, size, rawBytes(size, fields.get(8), fields.get(9), fields.get(12)));
    for (Chunk chunk = header; !chunk.name.equals("IEND"); ) {
      chunk = chunk(bytes, chunk.end());
      if (chunk.name.equals("IHDR")) {
        throw new BadImage("a PNG with two headers");
      }
    }
    return file;
  }

  /** Bytes of the rows before they are compressed, each with a byte that says its filter. */
  private static long rawBytes(ImageSize size, int depth, int colours, int interlaced)
      throws BadImage {
    boolean known =
        switch (colours) {
          case 0 -> Set.of(1, 2, 4, 8, 16).contains(depth);
          case 3 -> Set.of(1, 2, 4, 8).contains(depth);
          case 2, 4, 6 -> depth == 8 || depth == 16;
          default -> false;
        };
    if (!known || interlaced != 0 && interlaced != 1) {
      throw new BadImage("a PNG of an unknown kind of pixels");
    }
    int channels = colours == 6 ? 4 : colours == 2 ? 3 : colours == 4 ? 2 : 1;
    long bits = (long) channels * depth;
    long sum = 0;
    for (int[] pass : interlaced == 0 ? ONE_PASS : PASSES) {
      long columns = (size.width() - pass[0] + pass[2] - 1L) / pass[2];
      long rows = (size.height() - pass[1] + pass[3] - 1L) / pass[3];
      sum += columns == 0 ? 0 : rows * (1 + (columns * bits + 7) / 8);
    }
    return sum;
  }

  /** The chunk at a place, if it is whole and has the checksum that it says. */
  private static Chunk chunk(byte[] bytes, int at) throws BadImage {
    if (at > bytes.length - 12) {
      throw cut(bytes);
    }
    ByteBuffer chunks = ByteBuffer.wrap(bytes);
    int length = chunks.getInt(at);
    if (length < 0 || length > bytes.length - 12 - at) {
      throw cut(bytes);
    }
    CRC32 checksum = new CRC32();
    checksum.update(bytes, at + 4, length + 4);
    if ((int) checksum.getValue() != chunks.getInt(at + 8 + length)) {
      throw cut(bytes);
    }
    return new Chunk(new String(bytes, at + 4, 4, StandardCharsets.ISO_8859_1), at, length);
  }

  private static BadImage cut(byte[] bytes) {
    return new BadImage("a PNG that is cut off or damaged, of " + bytes.length + " bytes");
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
    ByteArrayOutputStream needed = new ByteArrayOutputStream(bytes.length);
    needed.write(bytes, 0, SIGNATURE);
    Inflater inflater = new Inflater();
    try {
      PixelData pixels = new PixelData(inflater);
      int at = SIGNATURE;
      String name = "";
      while (!name.equals("IEND")) {
        Chunk chunk = chunk(bytes, at);
        name = chunk.name;
        if (NEEDED.contains(name)) {
          needed.write(bytes, at, 12 + chunk.length);
        } else if (Character.isUpperCase(name.charAt(0))) {
          throw new BadImage("a PNG with the unknown chunk " + name);
        }
        if (name.equals("IDAT")) {
          pixels.add(at + 8, chunk.length);
        }
        at = chunk.end();
      }
      if (inflater.getBytesWritten() < rawBytes) {
        throw cut(bytes);
      }
    } finally {
      inflater.end();
    }
    return NativeImages.decode(needed.toByteArray());
  }

  /**
   * Unpacks the pixel data once before its decoder does, which makes room for all pixels if there
   * are few, and goes on to the end, however far it is, if there are more.
   */
  private final class PixelData {
    private final Inflater inflater;
    private final byte[] piece = new byte[1 << 16];

    PixelData(Inflater inflater) {
      this.inflater = inflater;
    }

    void add(int at, int length) throws BadImage {
      inflater.setInput(bytes, at, length);
      try {
        while (!inflater.needsInput() && !inflater.finished()) {
          if (inflater.inflate(piece) == 0 && inflater.needsDictionary()) {
            throw cut(bytes);
          }
          if (inflater.getBytesWritten() > rawBytes + BEARABLE) {
            throw new BadImage("a PNG with more pixels than its header says");
          }
        }
      } catch (DataFormatException e) {
        throw cut(bytes);
      }
    }
  }
}
