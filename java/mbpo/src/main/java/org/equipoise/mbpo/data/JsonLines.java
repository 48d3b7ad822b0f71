package org.equipoise.mbpo.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;

/** Files with one JSON object per line; every error names file and line. */
final class JsonLines {
  private JsonLines() {}

  /** Reads every line; blank lines are skipped, a last line without its line feed is refused. */
  static <T> List<T> read(Path file, Function<JsonFields, T> reader) {
    return read(file, AtomicFiles.readText(file), reader);
  }

  /** Reads the lines of a text that stands in a file. */
  static <T> List<T> read(Path file, String text, Function<JsonFields, T> reader) {
    List<T> values = new ArrayList<>();
    int line = 0;
    for (int start = 0; start < text.length(); ) {
      line++;
      int end = text.indexOf('\n', start);
      if (end < 0) {
        throw new IllegalArgumentException(
            file
                + ":"
                + line
                + ": the last line is cut off (no line feed at its end); resume the"
                + " job that wrote the file, or delete this line");
      }
      String content = text.substring(start, end);
      if (!content.isBlank()) {
        values.add(read(file, line, content, reader));
      }
      start = end + 1;
    }
    return values;
  }

  private static <T> T read(Path file, int line, String text, Function<JsonFields, T> reader) {
    JsonNode node;
    try {
      node = Json.MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          file + ":" + line + ": expected a JSON object, found: " + e.getOriginalMessage(), e);
    }
    if (!node.isObject()) {
      throw new IllegalArgumentException(
          file + ":" + line + ": expected a JSON object, found " + node.getNodeType());
    }
    try {
      return reader.apply(new JsonFields(node, ""));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ":" + line + ": " + e.getMessage(), e);
    }
  }

  /** The bytes of values, one a line. */
  static byte[] bytes(List<JsonNode> values) {
    StringBuilder text = new StringBuilder();
    values.forEach(value -> text.append(Json.text(value)).append('\n'));
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }
}
