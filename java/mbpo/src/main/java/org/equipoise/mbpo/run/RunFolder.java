package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.StorageException;
import org.equipoise.mbpo.storage.WatchedFolders;

/**
 * A folder that belongs to one run: one sub-folder of outputs per stage, and {@code .run} with what
 * is known about them (a lock, a marker per stage, a journal, names of the files that the run
 * wrote, digests of files that were read). One process at a time may have it open. Thread-safe.
 *
 * <p>Somebody else's files in it are neither deleted nor replaced. While it is open, {@link
 * AtomicFiles} writes below it only what is new or what the run wrote; nothing is done through
 * links, but for one that the folder itself may be.
 */
public final class RunFolder implements AutoCloseable {
  private static final String STATE = ".run";
  private static final String LOCK = "lock";

  private final Path root;
  private final FolderLock lock;
  private final RunJournal journal;
  private final WrittenFiles written;
  private final StageMarkers markers;

  private RunFolder(Path root, FolderLock lock) {
    Path state = root.resolve(STATE);
    this.root = root;
    this.lock = lock;
    this.journal = RunJournal.open(state.resolve("journal.jsonl"));
    this.written =
        WrittenFiles.open(
            root, state.resolve("written.jsonl"), Set.of(STATE, StageFolder.SET_ASIDE));
    this.markers = new StageMarkers(root, state);
  }

  /**
   * Opens or creates the folder and locks it. It must be new, empty or one that a run has made.
   *
   * @throws IllegalArgumentException if something else is in it, or a link in the place of what
   *     belongs to the run
   * @throws StorageException if it cannot be written
   * @throws IllegalStateException if another live process has it open; the lock of a killed one
   *     does not count
   */
  public static RunFolder open(Path root) {
    Path absolute = root.toAbsolutePath().normalize();
    Path state = absolute.resolve(STATE);
    requireOurs(absolute);
    AtomicFiles.createDirectories(state);
    FolderLock lock = FolderLock.acquire(absolute, state.resolve(LOCK));
    try {
      AtomicFiles.deleteUnfinished(state);
      AtomicFiles.deleteUnfinished(absolute);
      FileDigests.recall(digests(absolute));
      RunFolder folder = new RunFolder(absolute, lock);
      WatchedFolders.watch(absolute, folder.written);
      return folder;
    } catch (RuntimeException | Error e) {
      lock.release();
      throw e;
    }
  }

  /** Refuses a folder that {@link #open} would refuse for what is in it; changes nothing. */
  public static void requireOurs(Path folder) {
    Path root = folder.toAbsolutePath().normalize();
    Path state = root.resolve(STATE);
    if (!Files.exists(root)) {
      return;
    }
    if (!Files.isDirectory(root)) {
      throw new IllegalArgumentException(root + ": expected a folder to write to, found a file");
    }
    RunNames.requireNoLink(root, state);
    // The lock is the mark: other programs have folders called .run, too.
    if (Files.exists(state.resolve(LOCK), LinkOption.NOFOLLOW_LINKS)) {
      requirePlain(state);
      return;
    }
    first(root, entry -> !(entry.equals(state) && isEmptyFolder(entry)))
        .ifPresent(
            entry -> {
              throw new IllegalArgumentException(
                  root
                      + ": expected a new or an empty folder, or one that a run has made, found "
                      + entry.getFileName()
                      + " in it; choose another folder, nothing was changed");
            });
  }

  /** Nothing but files stands in the state of a run. */
  private static void requirePlain(Path state) {
    first(state, entry -> !Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS))
        .ifPresent(
            entry -> {
              throw new IllegalArgumentException(
                  entry
                      + ": expected a file of a run, found "
                      + (Files.isSymbolicLink(entry) ? "a symbolic link" : "no regular file")
                      + "; choose another folder, nothing was changed");
            });
  }

  private interface Question {
    boolean ask(Path entry);
  }

  private static Optional<Path> first(Path folder, Question question) {
    try (Stream<Path> list = Files.list(folder)) {
      return list.filter(question::ask).min(Comparator.naturalOrder());
    } catch (IOException e) {
      throw StorageException.of("list", folder, e);
    }
  }

  /** What a run leaves that was killed before it had its lock. */
  private static boolean isEmptyFolder(Path entry) {
    return Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)
        && first(entry, inside -> true).isEmpty();
  }

  public Path path() {
    return root;
  }

  /** The folder of a stage's outputs, whether or not it exists. */
  public Path stage(String stageId) {
    return root.resolve(stageId);
  }

  StageFolder stageFolder(String stageId) {
    return new StageFolder(root, stageId, written);
  }

  /**
   * Refuses to go on if files at the top of the folder would be replaced that no run wrote, or that
   * were changed since.
   *
   * @param overwrite whether they may be
   */
  public void requireReplaceable(boolean overwrite, String... names) {
    for (String name : names) {
      Path file = root.resolve(name);
      if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !written.isAsWritten(name)) {
        if (!overwrite || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          throw new IllegalArgumentException(
              file
                  + " is not as a run wrote it and would be replaced; move it away or choose"
                  + " another folder, nothing was changed");
        }
        written.takeOver(name);
      }
    }
  }

  /** Writes a file at the top of the folder, where none is or one that a run left. */
  public void write(String name, Consumer<Path> writer) {
    requireReplaceable(false, name);
    writer.accept(root.resolve(name));
    written.finished(name);
  }

  /** Writes a text at the top of the folder; a file that holds it already is left as it is. */
  public void write(String name, String text) {
    Path file = root.resolve(name);
    boolean same =
        Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
            && AtomicFiles.readText(file).equals(text);
    if (!same) {
      write(name, path -> AtomicFiles.write(path, text));
    }
  }

  @Override
  public void close() {
    WatchedFolders.release(root);
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
    Optional.ofNullable(written.notice()).ifPresent(notices::add);
    return notices;
  }

  StageMarkers.Recorded recorded(String stageId) {
    return markers.read(stageId);
  }

  /** Names of a stage's files that its record knows. */
  Set<String> recordedFiles(String stageId) {
    StageMarker marker = recorded(stageId).marker();
    return marker == null ? Set.of() : marker.files().keySet();
  }

  /** Whether the stage's folder was last begun for this fingerprint. */
  boolean wasBegunFor(String stageId, String fingerprint) {
    return fingerprint.equals(journal.fingerprint(stageId));
  }

  /** Deletes the stage's own files and remembers that its work begins. */
  void begin(String stageId, StageMarker marker) {
    StageFolder folder = stageFolder(stageId);
    folder.adopt(recordedFiles(stageId));
    // The marker goes first: a folder without one is never taken for something worth keeping.
    markers.delete(stageId);
    folder.empty();
    resume(stageId, marker);
  }

  /** Remembers that the stage's work goes on with what its folder holds. */
  void resume(String stageId, StageMarker marker) {
    StageFolder folder = stageFolder(stageId);
    AtomicFiles.createDirectories(folder.path());
    folder.adopt(recordedFiles(stageId));
    journal.began(stageId, marker.fingerprint());
    markers.write(stageId, marker);
  }

  /**
   * @return the marker of the finished stage
   */
  StageMarker finish(Stage stage, StageMarker begun, double seconds) {
    Set<String> names = stageFolder(stage.id()).ownFiles();
    names.removeAll(stage.working());
    StageMarker marker = begun.finished(StageFiles.written(stage(stage.id()), names));
    journal.finished(stage.id(), marker.fingerprint(), seconds);
    markers.write(stage.id(), marker);
    return marker;
  }

  /** Duration of the last successful attempt by stage id. */
  Map<String, Double> recordedSeconds() {
    return journal.seconds();
  }
}
