package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.equipoise.mbpo.run.StageMarker.WrittenFile;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.StorageException;

/** The files of a stage's folder, by contents. */
final class StageFiles {
  /** Up to so many bytes are read again at each start; of more, what has kept size and times. */
  private static final long CHEAP_BYTES = 256L << 20;

  private StageFiles() {}

  /** Files of the folder as they are now, by their names. */
  static Map<String, WrittenFile> written(Path folder, Set<String> names) {
    Map<String, WrittenFile> written = new TreeMap<>();
    for (String name : names) {
      Path file = folder.resolve(name);
      try {
        written.put(name, new WrittenFile(Files.size(file), FileDigests.read(file)));
      } catch (IOException e) {
        throw StorageException.of("read", file, e);
      }
    }
    return written;
  }

  /** Files that are no longer what was written, each with what is wrong; sizes are asked first. */
  static Map<String, String> damaged(Path folder, Map<String, WrittenFile> written) {
    Map<String, String> damaged = new TreeMap<>();
    long bytes = written.values().stream().mapToLong(WrittenFile::bytes).sum();
    written.forEach(
        (name, file) -> {
          String trouble = trouble(folder.resolve(name), file, bytes <= CHEAP_BYTES);
          if (!trouble.isEmpty()) {
            damaged.put(name, trouble);
          }
        });
    return damaged;
  }

  private static String trouble(Path path, WrittenFile written, boolean cheap) {
    try {
      if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        return "is lost";
      }
      if (Files.size(path) != written.bytes()) {
        return "has " + Files.size(path) + " bytes where " + written.bytes() + " were written";
      }
    } catch (IOException e) {
      throw StorageException.of("read", path, e);
    }
    String digest = cheap ? FileDigests.read(path) : FileDigests.of(path);
    return digest.equals(written.sha256()) ? "" : "holds other bytes than were written";
  }
}
