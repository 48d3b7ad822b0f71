package org.equipoise.mbpo.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/**
 * By what a file is known again without reading it. A file that is mapped must stay what it was: to
 * read where it has been cut ends the process, and no program can catch that.
 *
 * @param file the file
 * @param bytes its size
 * @param modified when it was written last
 * @param key its number in the file system, where that has one
 */
public record FileStamp(Path file, long bytes, FileTime modified, @Nullable Object key) {

  /** The file as it is now, links followed. */
  public static FileStamp of(Path file) {
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new FileStamp(
          file, attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** Refuses to go on with a file that is another one by now; takes some microseconds. */
  public void requireUnchanged() {
    FileStamp now;
    try {
      now = of(file);
    } catch (StorageException e) {
      if (e.getCause() instanceof NoSuchFileException) {
        throw changed("it was deleted", e);
      }
      throw e;
    }
    if (!equals(now)) {
      throw changed(
          bytes == now.bytes
              ? "it was written at " + now.modified
              : "it has " + now.bytes + " bytes and had " + bytes,
          null);
    }
  }

  private IllegalStateException changed(String found, @Nullable Exception cause) {
    return new IllegalStateException(
        file
            + " was changed while it was in use: "
            + found
            + "; its weights are read from it as they are needed. Let it be whole and at rest, and"
            + " run the command again",
        cause);
  }
}
