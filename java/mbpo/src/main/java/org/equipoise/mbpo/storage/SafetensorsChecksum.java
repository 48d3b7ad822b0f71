package org.equipoise.mbpo.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * The CRC-32C of a whole safetensors file, kept in its own metadata, where other programs pass it
 * over. Zeros stand in its place while it is computed. A file without it was written by others and
 * cannot be checked.
 */
public final class SafetensorsChecksum {
  /** Its name in the metadata. */
  public static final String KEY = "equipoise.crc32c";

  static final String BLANK = "00000000";

  private static final int BUFFER = 1 << 20;

  /** Quotes within texts are escaped, so this stands nowhere else. */
  private static final String MARK = "\"" + KEY + "\":\"";

  private SafetensorsChecksum() {}

  /**
   * Reads a file that has a checksum to its end and refuses it if it is another one.
   *
   * @return whether it has one
   */
  public static boolean verify(SafetensorsHeader header) {
    String recorded = header.metadata().get(KEY);
    if (recorded == null) {
      return false;
    }
    String found = computed(header);
    if (!found.equals(recorded)) {
      throw SafetensorsHeader.damaged(
          header.file(),
          "its bytes have the checksum "
              + found
              + " where "
              + recorded
              + " was written (a program that changes it on purpose must leave "
              + KEY
              + " out of its metadata)");
    }
    return true;
  }

  /** Puts a checksum into its place in a header. */
  static void put(byte[] header, String checksum) {
    byte[] text = checksum.getBytes(StandardCharsets.US_ASCII);
    int at = place(header);
    System.arraycopy(text, 0, header, at, text.length);
  }

  static String text(CRC32C crc) {
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }

  private static String computed(SafetensorsHeader header) {
    try (FileChannel channel = RegularFiles.open(header.file())) {
      ByteBuffer start = ByteBuffer.allocate((int) header.dataStart());
      while (start.hasRemaining() && channel.read(start) >= 0) {}
      if (place(start.array()) < 0) {
        return "none";
      }
      put(start.array(), BLANK);
      CRC32C crc = new CRC32C();
      crc.update(start.array());
      ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
      while (channel.read(buffer) >= 0) {
        crc.update(buffer.flip());
        buffer.clear();
      }
      return text(crc);
    } catch (IOException e) {
      throw StorageException.of("read", header.file(), e);
    }
  }

  private static int place(byte[] header) {
    int at = new String(header, StandardCharsets.ISO_8859_1).indexOf(MARK);
    int from = at + MARK.length();
    boolean fits = at >= 0 && from + BLANK.length() <= header.length;
    return fits ? from : -1;
  }
}
