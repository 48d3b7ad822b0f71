package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.equipoise.mbpo.storage.PlainFiles;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * Exclusive use of a folder by one process. The operating system holds the lock and drops it when
 * the process ends in whatever way, so a killed process leaves no stale lock; the file's text only
 * tells whom to look for.
 */
final class FolderLock {
  private final FileChannel channel;

  private FolderLock(FileChannel channel) {
    this.channel = channel;
  }

  static FolderLock acquire(Path folder, Path file) {
    FileChannel channel;
    try {
      channel = PlainFiles.open(file);
    } catch (IOException e) {
      throw StorageException.of("write", file, e);
    }
    try {
      FileLock lock = tryLock(channel);
      if (lock == null) {
        String holder = read(channel);
        channel.close();
        throw new IllegalStateException(
            "the folder "
                + folder
                + " is in use by process "
                + holder
                + "; wait for it, stop it, or choose another folder");
      }
      byte[] pid = Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.UTF_8);
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(pid), 0);
      return new FolderLock(channel);
    } catch (IOException e) {
      throw StorageException.of("lock", file, e);
    }
  }

  void release() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new IllegalStateException("closing a lock file failed: " + e.getMessage(), e);
    }
  }

  /** Null when another process, or this one through another channel, holds it. */
  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static String read(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(32);
    channel.read(text, 0);
    return new String(text.array(), 0, text.position(), StandardCharsets.UTF_8).strip();
  }
}
