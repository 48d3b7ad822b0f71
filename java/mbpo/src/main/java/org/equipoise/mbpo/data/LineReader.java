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
  private boolean tooLong;

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
    skipRest();
    int length = 0;
    boolean any = false;
    while (at < filled || fill()) {
      any = true;
      int end = at;
      while (end < filled && piece[end] != '\n') {
        end++;
      }
      if (length + (long) end - at > longest) {
        tooLong = true;
        number++;
        return new Line(number, null, false);
      }
      length = add(length, end - at);
      at = end + 1;
      if (end < filled) {
        return line(length, false);
      }
    }
    return any ? line(length, true) : null;
  }

  /** Of a line that is too long: who refuses it does not wait for its end. */
  private void skipRest() throws IOException {
    while (tooLong && (at < filled || fill())) {
      tooLong = piece[at] != '\n';
      at++;
    }
    tooLong = false;
  }

  private Line line(int length, boolean last) {
    number++;
    return new Line(number, Arrays.copyOf(line, length), last);
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
