package org.equipoise.mbpo.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Everything that commands print passes here: texts of files, names and answers of models may hold
 * what a terminal would obey.
 */
final class ReadableWriter extends Writer {
  private final Writer out;

  private ReadableWriter(Writer out) {
    this.out = out;
  }

  static PrintWriter over(Writer out) {
    return new PrintWriter(new ReadableWriter(out), true);
  }

  @Override
  public void write(char[] text, int from, int length) throws IOException {
    // A line ends as the platform ends its lines.
    String separator = System.lineSeparator();
    String given = new String(text, from, length).replace(separator, "\n");
    out.write(Excerpt.readable(given).replace("\n", separator));
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
