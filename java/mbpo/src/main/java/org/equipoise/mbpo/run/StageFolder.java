package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;

/**
 * The folder of one stage. Only files that the run wrote are deleted; a stage works beside no
 * others, but for hidden ones, which file managers and the like leave everywhere.
 */
final class StageFolder {
  /** Where files go that were changed since a stage wrote them and would be replaced. */
  static final String SET_ASIDE = "set-aside";

  private final Path root;
  private final String stageId;
  private final WrittenFiles written;

  StageFolder(Path root, String stageId, WrittenFiles written) {
    this.root = root;
    this.stageId = stageId;
    this.written = written;
  }

  String stageId() {
    return stageId;
  }

  Path path() {
    return root.resolve(stageId);
  }

  /** Refuses a folder that is none. */
  void requireFolder() {
    RunNames.requireNoLink(root, path());
    if (Files.exists(path(), LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(path())) {
      throw new IllegalArgumentException(
          path() + ": expected a folder of the run, found a file; move it away");
    }
  }

  /**
   * Refuses files of somebody else where the stage is to work.
   *
   * @param recorded names that the stage's record knows
   */
  void requireOwn(Set<String> recorded) {
    requireFolder();
    Set<String> own = own(recorded);
    List<Path> entries = entries();
    for (Path entry : entries) {
      String name = RunNames.of(path(), entry);
      boolean file = Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS);
      if (!isFolder(entry) && !isHidden(name) && !(file && own.contains(name))) {
        throw new IllegalArgumentException(
            entry
                + (Files.isSymbolicLink(entry)
                    ? " is a symbolic link, which no run makes"
                    : " was not written by a run")
                + ", and the stage "
                + stageId
                + " writes to this folder; move it away or choose another folder, nothing there"
                + " was changed");
      }
    }
  }

  private static boolean isHidden(String name) {
    return name.startsWith(".") || name.contains("/.");
  }

  private Set<String> own(Set<String> recorded) {
    Set<String> own = written.in(stageId);
    own.addAll(recorded);
    return own;
  }

  /** Names of the stage's own files that are there. */
  Set<String> ownFiles() {
    Set<String> files = new TreeSet<>();
    for (String name : written.in(stageId)) {
      if (Files.isRegularFile(path().resolve(name), LinkOption.NOFOLLOW_LINKS)) {
        files.add(name);
      }
    }
    return files;
  }

  /** Makes files the run's own that only the stage's record knows, which is about to go. */
  void adopt(Set<String> recorded) {
    written.add(recorded.stream().map(name -> stageId + "/" + name).toList());
  }

  /** Deletes the stage's own files, and the folders that they were in if those are empty then. */
  void empty() {
    deleteUnfinished();
    Set<Path> folders = new TreeSet<>(Comparator.reverseOrder());
    for (String name : written.in(stageId)) {
      Path file = path().resolve(name);
      RunNames.requireNoLink(root, file.getParent());
      AtomicFiles.delete(file);
      for (Path at = file.getParent(); at.startsWith(path()); at = at.getParent()) {
        folders.add(at);
      }
    }
    folders.forEach(StageFolder::deleteIfEmpty);
    written.forget(stageId);
  }

  private static void deleteIfEmpty(Path folder) {
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // Somebody else's things are in it.
      return;
    } catch (IOException e) {
      throw StorageException.of("delete", folder, e);
    }
  }

  /** Deletes what a killed process was writing. */
  void deleteUnfinished() {
    entries().stream().filter(StageFolder::isFolder).forEach(AtomicFiles::deleteUnfinished);
  }

  /**
   * Keeps a file that was changed since the stage wrote it.
   *
   * @param stays whether it stays in its place as well
   * @return a sentence on where it is
   */
  String setAside(String name, boolean stays) {
    Path file = path().resolve(name);
    Path folder = root.resolve(SET_ASIDE).resolve(stageId).resolve(name).getParent();
    RunNames.requireNoLink(root, file.getParent());
    RunNames.requireNoLink(root, folder);
    AtomicFiles.createDirectories(folder);
    Path target = folder.resolve(file.getFileName());
    for (int i = 2; Files.exists(target, LinkOption.NOFOLLOW_LINKS); i++) {
      target = folder.resolve(file.getFileName() + "." + i);
    }
    try {
      if (stays) {
        Files.copy(file, target, LinkOption.NOFOLLOW_LINKS);
      } else {
        Files.move(file, target);
      }
    } catch (IOException e) {
      throw StorageException.of("set aside", file, e);
    }
    return file + " was changed since it was written; as it was found it is kept as " + target;
  }

  /** The folder, and everything in it; links are not followed. */
  private List<Path> entries() {
    if (!Files.isDirectory(path(), LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> walk = Files.walk(path())) {
      return walk.sorted().toList();
    } catch (IOException e) {
      throw StorageException.of("list", path(), e);
    }
  }

  private static boolean isFolder(Path entry) {
    return Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS);
  }
}
