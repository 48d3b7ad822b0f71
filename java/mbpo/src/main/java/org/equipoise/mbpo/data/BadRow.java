package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * A row of a data file that cannot be used.
 *
 * @param line from 1
 * @param id the sample's id, or {@code null} where it has none or could not be read
 * @param reason what was expected and what was found
 */
public record BadRow(Path file, int line, @Nullable String id, String reason) {

  /** What is done about bad rows while a file is read. */
  @FunctionalInterface
  public interface Handler {
    void found(BadRow row);

    /** The first bad row ends the reading with its sentence. */
    static Handler refuse() {
      return row -> {
        throw new IllegalArgumentException(row.sentence());
      };
    }
  }

  /** File, line and reason. */
  public String sentence() {
    return file + ":" + line + ": " + reason;
  }

  /** Writes rows that were left out, one JSON object a line. */
  public static void write(Path target, List<BadRow> rows) {
    List<JsonNode> lines =
        rows.stream()
            .map(
                row -> {
                  ObjectNode line = Json.MAPPER.createObjectNode();
                  line.put("file", row.file.toString());
                  line.put("line", row.line);
                  line.put("id", row.id);
                  line.put("reason", row.reason);
                  return (JsonNode) line;
                })
            .toList();
    AtomicFiles.write(target, JsonLines.bytes(lines));
  }
}
