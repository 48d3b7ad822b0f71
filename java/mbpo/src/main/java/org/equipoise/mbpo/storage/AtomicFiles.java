package org.equipoise.mbpo.storage;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.CopyOption;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;

/**
 * Every file that the system writes goes through here, so that a process killed at any moment
 * leaves either the old file or the new one, never a torn one. Thread-safe for different paths.
 *
 * <p>A file is written beside its place under a new name of its own, flushed to the device,
 * renamed, and the folder is flushed. {@link #writeUnsynced} leaves out the flushes: still atomic
 * when the process is killed, but a power failure may lose it; its caller flushes later or can
 * check the file. A link in a file's place is replaced itself, and what it leads to stays.
 */
public final class AtomicFiles {
  /** Of tables, logs and states of our own, such as the digests of a million images. */
  private static final int MOST_BYTES = 1 << 28;

  private AtomicFiles() {}

  /** Writes the content of a file into an open channel, whose writes are always complete. */
  @FunctionalInterface
  public interface ChannelWriter {
    void write(WritableByteChannel channel) throws IOException;
  }

  /** Atomically replaces {@code file}, durable against power failure. */
  public static void write(Path file, byte[] content) {
    write(file, channel -> channel.write(ByteBuffer.wrap(content)));
  }

  /** Atomically replaces {@code file} by UTF-8 text, durable against power failure. */
  public static void write(Path file, String text) {
    write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Atomically replaces {@code file} by whatever {@code writer} puts into the channel. */
  public static void write(Path file, ChannelWriter writer) {
    write(file, writer, true, ATOMIC_MOVE, REPLACE_EXISTING);
  }

  /** Writes a file that must not be there, neither now nor when it is finished. */
  public static void writeNew(Path file, byte[] content) {
    write(file, channel -> channel.write(ByteBuffer.wrap(content)), true);
  }

  /** Atomically replaces {@code file} without waiting for the device. */
  public static void writeUnsynced(Path file, byte[] content) {
    write(
        file,
        channel -> channel.write(ByteBuffer.wrap(content)),
        false,
        ATOMIC_MOVE,
        REPLACE_EXISTING);
  }

  /**
   * Says which files will be written next. Without it each one is made known to a folder's owner by
   * itself, which waits for the device.
   */
  public static void announce(Collection<Path> files) {
    WatchedFolders.beforeWrites(files);
  }

  private static void write(
      Path file, ChannelWriter writer, boolean synced, CopyOption... options) {
    announce(List.of(file));
    createDirectories(folder(file));
    Path temporary = TemporaryFiles.beside(file);
    FaultInjection.point("before a write");
    try {
      try (FileChannel channel = FileChannel.open(temporary, CREATE_NEW, WRITE)) {
        writer.write(new CompleteWrites(channel, "a write"));
        if (synced) {
          channel.force(true);
        }
      }
      FaultInjection.point("between write and rename");
      Files.move(temporary, file, options);
      FaultInjection.point("after a rename");
      if (synced) {
        forceFolder(folder(file));
      }
    } catch (FileAlreadyExistsException e) {
      discard(temporary, e);
      throw new StorageException(
          "cannot write " + file.toAbsolutePath() + ": another file was put there meanwhile", e);
    } catch (IOException e) {
      discard(temporary, e);
      throw StorageException.of("write", file, e);
    }
  }

  /**
   * Makes {@code file} exactly {@code keep} old bytes followed by {@code addition}. Not atomic:
   * whoever appends records the valid length elsewhere, atomically, and passes it here as {@code
   * keep}. Nothing is written through a link, symbolic or hard.
   *
   * @return the new length
   */
  public static long append(Path file, long keep, byte[] addition) {
    announce(List.of(file));
    createDirectories(folder(file));
    FaultInjection.point("before an append");
    try (FileChannel channel = PlainFiles.open(file)) {
      if (channel.size() < keep) {
        throw new IOException(
            "it has "
                + channel.size()
                + " bytes where "
                + keep
                + " were recorded as written;"
                + " the file was changed by something else: delete its folder and run again");
      }
      channel.truncate(keep);
      channel.position(keep);
      new CompleteWrites(channel, "an append").write(ByteBuffer.wrap(addition));
      channel.force(true);
    } catch (IOException e) {
      throw StorageException.of("append to", file, e);
    }
    FaultInjection.point("after an append");
    return keep + addition.length;
  }

  /** Creates a folder and its parents. */
  public static void createDirectories(Path folder) {
    if (Files.isDirectory(folder)) {
      return;
    }
    FaultInjection.point("before a folder is made");
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw StorageException.of("create folder", folder, e);
    }
  }

  /** Deletes a file, an empty folder, or a link but not its target; it need not be there. */
  public static void delete(Path file) {
    FaultInjection.point("before a deletion");
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw StorageException.of("delete", file, e);
    }
  }

  /** Deletes what a killed process left unfinished in a folder, known by its name. */
  public static void deleteUnfinished(Path folder) {
    TemporaryFiles.delete(folder);
  }

  /** The whole file, of at most {@value #MOST_BYTES} bytes; an error names it. */
  public static byte[] read(Path file) {
    return read(file, MOST_BYTES);
  }

  /** The whole file; a larger one, and what is no regular file, is refused by name. */
  public static byte[] read(Path file, int mostBytes) {
    try {
      return RegularFiles.read(file, mostBytes);
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** The whole file as UTF-8 text, a byte order mark left out; an error names file and line. */
  public static String readText(Path file) {
    return readText(file, MOST_BYTES);
  }

  /** The same of a file of at most so many bytes. */
  public static String readText(Path file, int mostBytes) {
    return Utf8.text(read(file, mostBytes), file.toString());
  }

  /** Writes whole buffers; the process can be made to die in the middle and at the end of each. */
  private record CompleteWrites(FileChannel channel, String operation)
      implements WritableByteChannel {
    @Override
    public int write(ByteBuffer source) throws IOException {
      int bytes = source.remaining();
      int end = source.limit();
      source.limit(source.position() + bytes / 2);
      writeAll(source);
      FaultInjection.point("within " + operation);
      source.limit(end);
      writeAll(source);
      FaultInjection.point("after the bytes of " + operation);
      return bytes;
    }

    private void writeAll(ByteBuffer source) throws IOException {
      while (source.hasRemaining()) {
        channel.write(source);
      }
    }

    @Override
    public boolean isOpen() {
      return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /**
   * Frees the space of an unfinished file, so that a full disk does not stay full because of it.
   */
  private static void discard(Path temporary, IOException cause) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  private static Path folder(Path file) {
    return file.toAbsolutePath().getParent();
  }

  private static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, READ)) {
      channel.force(true);
    }
  }
}
