package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;

/** A checkpoint's JSON files. */
final class JsonFile {
  private JsonFile() {}

  /** The file's object; errors name the file. */
  static JsonNode read(Path file) {
    JsonNode node;
    try {
      node = Json.MAPPER.readTree(AtomicFiles.readText(file));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          file + ": expected a JSON object, found: " + e.getOriginalMessage(), e);
    }
    if (!node.isObject()) {
      throw new IllegalArgumentException(
          file + ": expected a JSON object, found " + node.getNodeType());
    }
    return node;
  }
}
