package org.equipoise.mbpo.storage;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;

/**
 * Opens files of others to read them: regular ones alone, links followed. A named pipe has no end
 * and may never begin, a device gives zeros until memory is full.
 */
public final class RegularFiles {
  private static final int PIECE = 1 << 20;
  private static final int KIND = 0xf000;

  private RegularFiles() {}

  /** Bytes of a regular file; some of the system's say 0 and have more. */
  public static long size(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    if (!attributes.isRegularFile()) {
      throw new FileSystemException(
          file.toString(), null, "expected a file, found " + kind(file, attributes));
    }
    return attributes.size();
  }

  /** A channel that reads. */
  public static FileChannel open(Path file) throws IOException {
    size(file);
    return FileChannel.open(file, StandardOpenOption.READ);
  }

  /** A stream that reads. */
  public static InputStream stream(Path file) throws IOException {
    size(file);
    return Files.newInputStream(file);
  }

  /**
   * The whole content; a larger file is refused before it is read, and one that grows meanwhile as
   * soon as it has grown too far.
   */
  public static byte[] read(Path file, int mostBytes) throws IOException {
    long size = size(file);
    if (size > mostBytes) {
      throw tooLarge(file, size + "", mostBytes);
    }
    try (InputStream stream = Files.newInputStream(file)) {
      byte[] content = new byte[(int) size];
      int filled = 0;
      int read = 0;
      while (filled < size && read >= 0) {
        read = stream.read(content, filled, Math.min(PIECE, content.length - filled));
        filled += Math.max(0, read);
      }
      return filled < size
          ? Arrays.copyOf(content, filled)
          : withRest(file, content, stream, mostBytes);
    }
  }

  /** Files of the system say that they are empty. */
  private static byte[] withRest(Path file, byte[] start, InputStream stream, int mostBytes)
      throws IOException {
    byte[] piece = new byte[1 << 13];
    int read = stream.read(piece);
    if (read < 0) {
      return start;
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(start);
    for (; read >= 0; read = stream.read(piece)) {
      if (all.size() + (long) read > mostBytes) {
        throw tooLarge(file, "more", mostBytes);
      }
      all.write(piece, 0, read);
    }
    return all.toByteArray();
  }

  private static FileSystemException tooLarge(Path file, String found, int mostBytes) {
    return new FileSystemException(
        file.toString(), null, "expected at most " + mostBytes + " bytes, found " + found);
  }

  private static String kind(Path file, BasicFileAttributes attributes) throws IOException {
    if (attributes.isDirectory()) {
      return "a folder";
    }
    if (!file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      return "something else";
    }
    return switch ((int) Files.getAttribute(file, "unix:mode") & KIND) {
      case 0x1000 ->
          "a pipe; write what comes out of it to a file and name that, as it must be read twice";
      case 0x2000, 0x6000 -> "a device";
      case 0xc000 -> "a socket";
      default -> "something else";
    };
  }
}
