package org.equipoise.mbpo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.LineLog;
import org.equipoise.mbpo.storage.StorageException;

/**
 * A folder that belongs to one run: one sub-folder of outputs per stage, and {@code .run} with what
 * is known about them (a lock, a marker per stage, a journal of durations). One process at a time
 * may have it open. Thread-safe.
 */
public final class RunFolder implements AutoCloseable {
  private static final String STATE = ".run";
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final Path root;
  private final FolderLock lock;
  private final LineLog journal;

  private RunFolder(Path root, FolderLock lock, LineLog journal) {
    this.root = root;
    this.lock = lock;
    this.journal = journal;
  }

  /**
   * Opens or creates the folder and locks it.
   *
   * @throws StorageException if it cannot be written
   * @throws IllegalStateException if another live process has it open; the lock of a killed one
   *     does not count
   */
  public static RunFolder open(Path root) {
    Path absolute = root.toAbsolutePath().normalize();
    AtomicFiles.createDirectories(absolute.resolve(STATE));
    FolderLock lock = FolderLock.acquire(absolute, absolute.resolve(STATE).resolve("lock"));
    try {
      return new RunFolder(
          absolute, lock, LineLog.open(absolute.resolve(STATE).resolve("journal.jsonl")));
    } catch (RuntimeException e) {
      lock.release();
      throw e;
    }
  }

  public Path path() {
    return root;
  }

  /** The folder of a stage's outputs, whether or not it exists. */
  public Path stage(String stageId) {
    return root.resolve(stageId);
  }

  @Override
  public void close() {
    lock.release();
  }

  Optional<StageMarker> marker(String stageId) {
    Path file = markerFile(stageId);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readValue(AtomicFiles.read(file), StageMarker.class));
    } catch (IOException e) {
      throw new IllegalStateException(
          "the stage marker "
              + file
              + " is not what this program writes ("
              + e.getMessage().lines().findFirst().orElse("")
              + "); delete it to run the stage again",
          e);
    }
  }

  /** Empties the stage's folder and remembers that its work begins. */
  void begin(String stageId, StageMarker marker) {
    // The marker goes first: a folder without one is never taken for something worth keeping.
    AtomicFiles.deleteTree(markerFile(stageId));
    AtomicFiles.deleteTree(stage(stageId));
    AtomicFiles.createDirectories(stage(stageId));
    writeMarker(stageId, marker);
  }

  void finish(String stageId, StageMarker marker, double seconds) {
    ObjectNode entry = JSON.createObjectNode();
    entry.put("stage", stageId);
    entry.put("fingerprint", marker.fingerprint());
    entry.put("seconds", seconds);
    journal.append(entry.toString());
    writeMarker(stageId, marker);
  }

  /** Files of a stage's folder and of its sub-folders, in a fixed order. */
  List<Path> files(String stageId) {
    Path folder = stage(stageId);
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw StorageException.of("list", folder, e);
    }
  }

  /** Total size of these files. */
  static long bytes(List<Path> files) {
    long total = 0;
    for (Path file : files) {
      try {
        total += Files.size(file);
      } catch (IOException e) {
        throw StorageException.of("read", file, e);
      }
    }
    return total;
  }

  /** Duration of the last successful attempt by stage id. */
  Map<String, Double> recordedSeconds() {
    Path file = root.resolve(STATE).resolve("journal.jsonl");
    Map<String, Double> seconds = new LinkedHashMap<>();
    for (String line : LineLog.read(file)) {
      try {
        JsonNode entry = JSON.readTree(line);
        seconds.put(entry.path("stage").asText(), entry.path("seconds").asDouble());
      } catch (JsonProcessingException e) {
        throw new IllegalStateException(
            "the journal " + file + " has a line that is no JSON: " + line + "; delete the file",
            e);
      }
    }
    return seconds;
  }

  private void writeMarker(String stageId, StageMarker marker) {
    try {
      AtomicFiles.write(markerFile(stageId), JSON.writeValueAsString(marker) + "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("cannot write the marker of stage " + stageId, e);
    }
  }

  private Path markerFile(String stageId) {
    return root.resolve(STATE).resolve(stageId + ".json");
  }
}
