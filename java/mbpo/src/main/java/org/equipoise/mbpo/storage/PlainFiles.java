package org.equipoise.mbpo.storage;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Files that are changed in place: what is written must not reach another file through a link. Who
 * fills a shared folder, or gives a run away, could name any file of the user in that way.
 */
public final class PlainFiles {
  private PlainFiles() {}

  /**
   * Opens a file to be changed where it lies, or creates it.
   *
   * @throws FileSystemException if a link, or something else that is no file, stands in its place,
   *     or if the file has another name besides this one
   */
  public static FileChannel open(Path file) throws IOException {
    requirePlain(file);
    return FileChannel.open(file, CREATE, READ, WRITE, NOFOLLOW_LINKS);
  }

  /**
   * Refuses what {@link #open} would refuse; there need be nothing.
   *
   * @throws StorageException naming the file and what it is
   */
  public static void require(Path file) {
    try {
      requirePlain(file);
    } catch (IOException e) {
      throw StorageException.of("write", file, e);
    }
  }

  private static void requirePlain(Path file) throws IOException {
    if (!Files.exists(file, NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isSymbolicLink(file)) {
      throw refused(file, "it is a symbolic link, through which nothing is written; remove it");
    }
    if (!Files.isRegularFile(file, NOFOLLOW_LINKS)) {
      throw refused(file, "it is no regular file; remove it");
    }
    if (names(file) > 1) {
      throw refused(
          file,
          "it has another name (a hard link), under which the file would change, too; put a copy"
              + " in its place");
    }
  }

  private static int names(Path file) throws IOException {
    return file.getFileSystem().supportedFileAttributeViews().contains("unix")
        ? (int) Files.getAttribute(file, "unix:nlink", NOFOLLOW_LINKS)
        : 1;
  }

  private static FileSystemException refused(Path file, String reason) {
    return new FileSystemException(
        file.toString(), null, reason + " or choose another folder, nothing was changed");
  }
}
