package org.equipoise.mbpo.storage;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Folders whose owners are asked before {@link AtomicFiles} writes a file anywhere below. Work
 * writes by paths and knows nothing of the run that it belongs to; so the run learns of every file
 * that is its own, and nothing else in its folder is ever replaced. Thread-safe.
 */
public final class WatchedFolders {
  private static final Map<Path, Watcher> WATCHERS = new ConcurrentHashMap<>();

  private WatchedFolders() {}

  /** Who owns a folder. */
  @FunctionalInterface
  public interface Watcher {
    /**
     * Files of the folder are about to be created, replaced or appended to.
     *
     * @param files absolute
     * @throws RuntimeException if one of them must not be
     */
    void beforeWrites(List<Path> files);
  }

  /**
   * @param folder absolute and normalised
   */
  public static void watch(Path folder, Watcher watcher) {
    WATCHERS.put(folder, watcher);
  }

  public static void release(Path folder) {
    WATCHERS.remove(folder);
  }

  static void beforeWrites(Collection<Path> files) {
    if (WATCHERS.isEmpty()) {
      return;
    }
    List<Path> absolute = files.stream().map(f -> f.toAbsolutePath().normalize()).toList();
    WATCHERS.forEach(
        (folder, watcher) -> {
          List<Path> below = absolute.stream().filter(file -> file.startsWith(folder)).toList();
          if (!below.isEmpty()) {
            watcher.beforeWrites(below);
          }
        });
  }
}
