package org.equipoise.mbpo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/** The records of a run's stages, a file for each. */
final class StageMarkers {
  private static final ObjectWriter INDENTED = Json.MAPPER.writerWithDefaultPrettyPrinter();

  private final Path root;
  private final Path state;

  StageMarkers(Path root, Path state) {
    this.root = root;
    this.state = state;
  }

  /**
   * What is recorded of a stage.
   *
   * @param marker {@code null} if there is none that can be read
   * @param trouble why not, as the end of a sentence; {@code null} if there is none or it is whole
   */
  record Recorded(@Nullable StageMarker marker, @Nullable String trouble) {}

  Recorded read(String stageId) {
    Path file = file(stageId);
    if (!Files.exists(file)) {
      return new Recorded(null, null);
    }
    String text = AtomicFiles.readText(file);
    Optional<ObjectNode> node = CheckedJson.read(text);
    try {
      if (node.isPresent() && node.get().path("format").asInt() == StageMarker.FORMAT) {
        return checked(stageId, Json.MAPPER.treeToValue(node.get(), StageMarker.class));
      }
    } catch (JsonProcessingException e) {
      return trouble(file, "is of another version of this program");
    }
    boolean other = node.isPresent() || isEarlier(text);
    return trouble(file, other ? "is of another version of this program" : "is damaged");
  }

  /** A run folder may come from somebody else, whose names could lead anywhere. */
  private Recorded checked(String stageId, StageMarker marker) {
    Path folder = root.resolve(stageId);
    return marker.files().keySet().stream().allMatch(name -> RunNames.isBelow(folder, name))
        ? new Recorded(marker, null)
        : trouble(file(stageId), "names files outside of the stage's folder");
  }

  private static Recorded trouble(Path file, String what) {
    return new Recorded(null, "its record " + file + " " + what);
  }

  /** Whether a marker is one from before they had a checksum. */
  private static boolean isEarlier(String text) {
    try {
      return Json.MAPPER.readTree(text) instanceof ObjectNode node
          && !node.has(CheckedJson.CHECK)
          && node.path("bytes").isIntegralNumber()
          && node.has("fingerprint");
    } catch (JsonProcessingException e) {
      return false;
    }
  }

  void write(String stageId, StageMarker marker) {
    ObjectNode node = CheckedJson.checked(Json.MAPPER.valueToTree(marker));
    try {
      AtomicFiles.write(file(stageId), INDENTED.writeValueAsString(node) + "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("cannot write the marker of stage " + stageId, e);
    }
  }

  void delete(String stageId) {
    AtomicFiles.delete(file(stageId));
  }

  private Path file(String stageId) {
    return state.resolve(stageId + ".json");
  }
}
