package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * JSON objects that tell whether they are as they were written: their last field, {@value #CHECK},
 * is the CRC-32C of the others' text.
 */
public final class CheckedJson {
  /** The field with the checksum. */
  public static final String CHECK = "check";

  private CheckedJson() {}

  /** An object with its checksum on one line. */
  public static String line(ObjectNode object) {
    return Json.text(checked(object));
  }

  /** The object with its checksum as its last field. */
  public static ObjectNode checked(ObjectNode object) {
    return object.deepCopy().put(CHECK, checksum(object));
  }

  /** What was written, without its checksum; nothing if it is not JSON or was changed since. */
  public static Optional<ObjectNode> read(String text) {
    try {
      if (Json.MAPPER.readTree(text) instanceof ObjectNode object && object.has(CHECK)) {
        String check = object.remove(CHECK).asText();
        return check.equals(checksum(object)) ? Optional.of(object) : Optional.empty();
      }
      return Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  /** The same as a record; nothing, too, if it has not the record's fields. */
  public static <T> Optional<T> read(String text, Class<T> type) {
    return read(text).flatMap(object -> value(object, type));
  }

  private static <T> Optional<T> value(ObjectNode object, Class<T> type) {
    try {
      return Optional.of(Json.MAPPER.treeToValue(object, type));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  private static String checksum(ObjectNode object) {
    CRC32C crc = new CRC32C();
    crc.update(Json.text(object).getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }
}
