package org.equipoise.mbpo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * A folder that belongs to one run: one sub-folder of outputs per stage, and {@code .run} with what
 * is known about them (a lock, a marker per stage, a journal, digests of files that were read). One
 * process at a time may have it open. Thread-safe.
 */
public final class RunFolder implements AutoCloseable {
  private static final String STATE = ".run";
  private static final String LOCK = "lock";
  private static final ObjectWriter INDENTED = Json.MAPPER.writerWithDefaultPrettyPrinter();

  private final Path root;
  private final FolderLock lock;
  private final RunJournal journal;

  private RunFolder(Path root, FolderLock lock, RunJournal journal) {
    this.root = root;
    this.lock = lock;
    this.journal = journal;
  }

  /**
   * Opens or creates the folder and locks it. What stages write replaces what stands in its place,
   * so the folder must be new, empty or one that a run has made.
   *
   * @throws IllegalArgumentException if something else is in it
   * @throws StorageException if it cannot be written
   * @throws IllegalStateException if another live process has it open; the lock of a killed one
   *     does not count
   */
  public static RunFolder open(Path root) {
    Path absolute = root.toAbsolutePath().normalize();
    Path state = absolute.resolve(STATE);
    requireOurs(absolute, state);
    AtomicFiles.createDirectories(state);
    FolderLock lock = FolderLock.acquire(absolute, state.resolve(LOCK));
    try {
      FileDigests.recall(digests(absolute));
      return new RunFolder(absolute, lock, RunJournal.open(state.resolve("journal.jsonl")));
    } catch (RuntimeException | Error e) {
      lock.release();
      throw e;
    }
  }

  /** The lock is the mark: other programs have folders called .run, too. */
  private static void requireOurs(Path root, Path state) {
    if (Files.exists(state.resolve(LOCK)) || !Files.exists(root)) {
      return;
    }
    if (!Files.isDirectory(root)) {
      throw new IllegalArgumentException(root + ": expected a folder to write to, found a file");
    }
    try (Stream<Path> list = Files.list(root)) {
      list.filter(entry -> !isEmptyFolder(entry, state))
          .min(Comparator.naturalOrder())
          .ifPresent(
              entry -> {
                throw new IllegalArgumentException(
                    root
                        + ": expected a new or an empty folder, or one that a run has made, found "
                        + entry.getFileName()
                        + " in it; choose another folder, nothing was changed");
              });
    } catch (IOException e) {
      throw StorageException.of("list", root, e);
    }
  }

  /** What a run leaves that was killed before it had its lock. */
  private static boolean isEmptyFolder(Path entry, Path state) {
    if (!entry.equals(state) || !Files.isDirectory(entry)) {
      return false;
    }
    try (Stream<Path> list = Files.list(entry)) {
      return list.findAny().isEmpty();
    } catch (IOException e) {
      throw StorageException.of("list", entry, e);
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
    try {
      keepDigests();
    } catch (StorageException e) {
      // They only save time; what the run was for is done and in place.
      return;
    } finally {
      lock.release();
    }
  }

  /** Keeps the digests of the files that were read, so that the next process need not. */
  void keepDigests() {
    FileDigests.keep(digests(root));
  }

  private static Path digests(Path root) {
    return root.resolve(STATE).resolve("digests.jsonl");
  }

  /** What was found damaged when the folder was opened. */
  List<String> notices() {
    List<String> notices = new ArrayList<>();
    Optional.ofNullable(journal.notice()).ifPresent(notices::add);
    return notices;
  }

  /**
   * What is recorded of a stage.
   *
   * @param marker {@code null} if there is none that can be read
   * @param trouble why not, as the end of a sentence; {@code null} if there is none or it is whole
   */
  record Recorded(@Nullable StageMarker marker, @Nullable String trouble) {}

  Recorded recorded(String stageId) {
    Path file = markerFile(stageId);
    if (!Files.exists(file)) {
      return new Recorded(null, null);
    }
    String text = AtomicFiles.readText(file);
    Optional<ObjectNode> node = CheckedJson.read(text);
    try {
      if (node.isPresent() && node.get().path("format").asInt() == StageMarker.FORMAT) {
        return new Recorded(Json.MAPPER.treeToValue(node.get(), StageMarker.class), null);
      }
    } catch (JsonProcessingException e) {
      return new Recorded(null, "its record " + file + " is of another version of this program");
    }
    boolean other = node.isPresent() || isEarlier(text);
    return new Recorded(
        null,
        "its record " + file + (other ? " is of another version of this program" : " is damaged"));
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

  /** Whether the stage's folder was last begun for this fingerprint. */
  boolean wasBegunFor(String stageId, String fingerprint) {
    return fingerprint.equals(journal.fingerprint(stageId));
  }

  /** Empties the stage's folder and remembers that its work begins. */
  void begin(String stageId, StageMarker marker) {
    // The marker goes first: a folder without one is never taken for something worth keeping.
    AtomicFiles.deleteTree(markerFile(stageId));
    AtomicFiles.deleteTree(stage(stageId));
    AtomicFiles.createDirectories(stage(stageId));
    resume(stageId, marker);
  }

  /** Remembers that the stage's work goes on with what its folder holds. */
  void resume(String stageId, StageMarker marker) {
    AtomicFiles.createDirectories(stage(stageId));
    journal.began(stageId, marker.fingerprint());
    writeMarker(stageId, marker);
  }

  /**
   * @return the marker of the finished stage
   */
  StageMarker finish(Stage stage, StageMarker begun, double seconds) {
    StageMarker marker = begun.finished(StageFiles.written(stage(stage.id()), stage.working()));
    journal.finished(stage.id(), marker.fingerprint(), seconds);
    writeMarker(stage.id(), marker);
    return marker;
  }

  /** Duration of the last successful attempt by stage id. */
  Map<String, Double> recordedSeconds() {
    return journal.seconds();
  }

  private void writeMarker(String stageId, StageMarker marker) {
    ObjectNode node = CheckedJson.checked(Json.MAPPER.valueToTree(marker));
    try {
      AtomicFiles.write(markerFile(stageId), INDENTED.writeValueAsString(node) + "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("cannot write the marker of stage " + stageId, e);
    }
  }

  private Path markerFile(String stageId) {
    return root.resolve(STATE).resolve(stageId + ".json");
  }
}
