package org.equipoise.mbpo.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** A file could not be read or written; the message names it, the cause, and what to do. */
public final class StorageException extends UncheckedIOException {
  private static final long serialVersionUID = 1L;
  private static final int LONGEST_PATH = 1000;

  public StorageException(String message, IOException cause) {
    super(message, cause);
  }

  /** For example {@code of("write", path, exception)}. */
  public static StorageException of(String action, Path path, IOException cause) {
    return new StorageException(
        "cannot " + action + " " + shown(path) + ": " + reason(path, cause), cause);
  }

  /** Names of files may come out of other files, of any length. */
  private static String shown(Path path) {
    return Excerpt.beginning(path.toAbsolutePath().toString(), LONGEST_PATH);
  }

  private static String reason(Path path, IOException cause) {
    if (cause instanceof AccessDeniedException) {
      return "permission denied; choose a folder that this user may write";
    }
    if (cause instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (cause instanceof NotDirectoryException || cause instanceof FileAlreadyExistsException) {
      return "a file stands where a folder is needed";
    }
    String text =
        cause instanceof FileSystemException system && system.getReason() != null
            ? system.getReason()
            : String.valueOf(cause.getMessage());
    if (text.contains("No space left")) {
      return "the disk is full; free some space and run again, finished work is kept";
    }
    if (text.contains("Read-only file system")) {
      return "the file system is read-only; choose another folder";
    }
    if (text.contains("Not a directory")) {
      return "a file stands where a folder is needed";
    }
    return text;
  }
}
