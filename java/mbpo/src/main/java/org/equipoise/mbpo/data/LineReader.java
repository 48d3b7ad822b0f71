package org.equipoise.mbpo.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The lines of a file, of which one at a time is in memory, and of a long one its beginning. */
final class LineReader {
  private final InputStream stream;
  private final int longest;
  private final byte[] piece = new byte[1 << 16];
  private byte[] line = new byte[1 << 12];
  private int at;
  private int filled;
  private int number;

  /**
   * @param longest bytes of a line
   */
  LineReader(InputStream stream, int longest) {
    this.stream = stream;
    this.longest = longest;
  }

  /**
   * One line.
   *
   * @param number from 1
   * @param bytes without the line feed; none if there are too many
   * @param last whether the file ends with it, without a line feed
   */
  record Line(int number, byte @Nullable [] bytes, boolean last) {}

  /** The next line, or {@code null} behind the last one. */
  @Nullable Line next() throws IOException {
    int length = 0;
    boolean tooLong = false;
    boolean any = false;
    while (at < filled || fill()) {
      any = true;
      int end = at;
      while (end < filled && piece[end] != '\n') {
        end++;
      }
      tooLong |= length + (long) end - at > longest;
      if (!tooLong) {
        length = add(length, end - at);
      }
      at = end + 1;
      if (end < filled) {
        return line(length, tooLong, false);
      }
    }
    return any ? line(length, tooLong, true) : null;
  }

  private Line line(int length, boolean tooLong, boolean last) {
    number++;
    return new Line(number, tooLong ? null : Arrays.copyOf(line, length), last);
  }

  private boolean fill() throws IOException {
    at = 0;
    filled = Math.max(0, stream.read(piece));
    return filled > 0;
  }

  private int add(int length, int more) {
    int needed = length + more;
    if (needed > line.length) {
      line = Arrays.copyOf(line, (int) Math.min(longest, Math.max(needed, 2L * line.length)));
    }
    System.arraycopy(piece, at, line, length, more);
    return needed;
  }
}
