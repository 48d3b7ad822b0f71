package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.PointerScope;

/** What reads single files, for fuzzing, and what makes whole files of mutated ones. */
public final class StorageParsers {
  private static final byte[] MARK =
      ("\"" + SafetensorsChecksum.KEY + "\":\"").getBytes(StandardCharsets.ISO_8859_1);

  private StorageParsers() {}

  public static void safetensors(Path file) {
    try (PointerScope scope = new PointerScope()) {
      SafetensorsHeader.read(file).metadata();
      SafetensorsFile.read(file);
    }
  }

  public static void digests(Path file) {
    FileDigests.recall(file);
  }

  public static void text(Path file) {
    Excerpt.readable(AtomicFiles.readText(file));
  }

  /** From a header, a line feed and the rest to a file of the format, whose length is right. */
  public static byte[] withHeaderLength(byte[] input) {
    int end = 0;
    while (end < input.length && input[end] != '\n') {
      end++;
    }
    int rest = Math.min(input.length, end + 1);
    return ByteBuffer.allocate(8 + end + input.length - rest)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(end)
        .put(input, 0, end)
        .put(input, rest, input.length - rest)
        .array();
  }

  /** Puts the checksum of a safetensors file into its place where it has one. */
  public static byte[] withChecksum(byte[] file) {
    int at =
        new String(file, StandardCharsets.ISO_8859_1)
            .indexOf(new String(MARK, StandardCharsets.ISO_8859_1));
    int from = at + MARK.length;
    int length = SafetensorsChecksum.BLANK.length();
    if (at < 0 || from + length > file.length) {
      return file;
    }
    byte[] signed = file.clone();
    Arrays.fill(signed, from, from + length, (byte) '0');
    CRC32C crc = new CRC32C();
    crc.update(signed);
    byte[] text = SafetensorsChecksum.text(crc).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(text, 0, signed, from, length);
    return signed;
  }

  /** Lines of JSON objects with their checksums; other lines stay as they are. */
  public static byte[] withChecks(byte[] lines) {
    String text = new String(lines, StandardCharsets.UTF_8);
    String end = text.endsWith("\n") ? "\n" : "";
    return (text.lines().map(StorageParsers::checked).collect(Collectors.joining("\n")) + end)
        .getBytes(StandardCharsets.UTF_8);
  }

  /** One JSON object on any number of lines, with its checksum. */
  public static byte[] withCheck(byte[] object) {
    return checked(new String(object, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
  }

  private static String checked(String line) {
    try {
      return Json.MAPPER.readTree(line) instanceof ObjectNode object
          ? CheckedJson.line(object)
          : line;
    } catch (JsonProcessingException | RuntimeException e) {
      return line;
    }
  }
}
