package org.equipoise.mbpo.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Everything that is printed passes here: texts of files, names and answers of models may hold what
 * a terminal would obey.
 */
final class ReadableWriter extends Writer {
  /** Characters of a remark; some name every field of a file. */
  static final int LONGEST_REMARK = 4000;

  private final Writer out;
  private final int longestLine;
  private long lineLength;
  private int last;

  private ReadableWriter(Writer out, int longestLine) {
    this.out = out;
    this.longestLine = longestLine;
  }

  /** For results: lines of any length. */
  static ReadableWriter ofResults(Writer out) {
    return new ReadableWriter(out, Integer.MAX_VALUE);
  }

  /** For remarks: lines that are longer than a screen are cut. */
  static ReadableWriter ofRemarks(Writer out) {
    return new ReadableWriter(out, LONGEST_REMARK);
  }

  PrintWriter printer() {
    return new PrintWriter(this, true);
  }

  @Override
  public void write(char[] text, int from, int length) throws IOException {
    // A line ends as the platform ends its lines.
    String separator = System.lineSeparator();
    String given = new String(text, from, length).replace(separator, "\n");
    String shown = Excerpt.readable(given, last);
    last = given.isEmpty() ? last : given.codePointBefore(given.length());
    int start = 0;
    for (int end = shown.indexOf('\n'); end >= 0; end = shown.indexOf('\n', start)) {
      line(shown.substring(start, end));
      if (lineLength > longestLine) {
        out.write("... (" + lineLength + " characters)");
      }
      out.write(separator);
      lineLength = 0;
      start = end + 1;
    }
    line(shown.substring(start));
  }

  /** As much of a part of a line as there is room for. */
  private void line(String part) throws IOException {
    int room = (int) Math.max(0, longestLine - lineLength);
    int end = Math.min(room, part.length());
    boolean halved =
        end > 0 && end < part.length() && Character.isHighSurrogate(part.charAt(end - 1));
    out.write(part, 0, halved ? end - 1 : end);
    lineLength += part.length();
  }

  @Override
  public void flush() throws IOException {
    out.flush();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
