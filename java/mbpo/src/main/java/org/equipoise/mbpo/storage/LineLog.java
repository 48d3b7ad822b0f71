package org.equipoise.mbpo.storage;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A text file that grows by whole lines, each durable when {@link #append} returns. A last line
 * without its line feed is what a killed process leaves behind: opening the log drops it. Use one
 * instance per file; thread-safe.
 */
public final class LineLog {
  private final Path file;
  private final long droppedBytes;
  private long length;

  private LineLog(Path file, long length, long droppedBytes) {
    this.file = file;
    this.length = length;
    this.droppedBytes = droppedBytes;
  }

  /** Opens or creates a log; an incomplete last line is dropped, a link in its place refused. */
  public static LineLog open(Path file) {
    PlainFiles.require(file);
    if (!Files.exists(file)) {
      AtomicFiles.write(file, new byte[0]);
    }
    byte[] content = AtomicFiles.read(file);
    int complete = completeLength(content);
    if (complete < content.length) {
      AtomicFiles.append(file, complete, new byte[0]);
    }
    return new LineLog(file, complete, content.length - complete);
  }

  /** The complete lines of a log that may not exist yet; nothing is changed. */
  public static List<String> read(Path file) {
    if (!Files.exists(file)) {
      return List.of();
    }
    byte[] content = AtomicFiles.read(file);
    return new String(content, 0, completeLength(content), StandardCharsets.UTF_8).lines().toList();
  }

  /** Adds one line and waits until it is on the device. */
  public synchronized void append(String line) {
    if (line.indexOf('\n') >= 0 || line.indexOf('\r') >= 0) {
      throw new IllegalArgumentException(
          "a log line must not contain a line break, found " + Excerpt.of(line));
    }
    length = AtomicFiles.append(file, length, (line + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /** Bytes of an incomplete last line that opening dropped. */
  public long droppedBytes() {
    return droppedBytes;
  }

  private static int completeLength(byte[] content) {
    int end = content.length;
    while (end > 0 && content[end - 1] != '\n') {
      end--;
    }
    return end;
  }
}
