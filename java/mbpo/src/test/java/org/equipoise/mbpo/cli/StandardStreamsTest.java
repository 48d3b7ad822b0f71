package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import org.junit.jupiter.api.Test;

class StandardStreamsTest {
  private static final Charset CHARSET = Charset.defaultCharset();

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private String shown() {
    return bytes.toString(CHARSET).replace(System.lineSeparator(), "\n");
  }

  @Test
  void whatLibrariesPrintPassesTheSeam() {
    PrintStream err = StandardStreams.readable(bytes, true);
    err.println("WARN \u001b]52;c;cm0gLXJm\u0007 x\ry\0");
    new IllegalStateException("a\u001b[2J").printStackTrace(err);
    err.printf("%s %d%n", "b\u009b", 7);
    err.write('\u001b');
    err.flush();
    String all = shown();
    assertTrue(all.startsWith("WARN \\u001b]52;c;cm0gLXJm\\u0007 x\\u000dy\\u0000\n"), all);
    assertTrue(all.contains("java.lang.IllegalStateException: a\\u001b[2J\n\tat org."), all);
    assertTrue(all.endsWith("7\n\\u001b"), all);
  }

  /** Encoders hand over some thousand bytes at a time, without regard to letters. */
  @Test
  void lettersThatComeInPiecesStayWhole() throws IOException {
    PrintStream out = StandardStreams.readable(bytes, false);
    String text = "né 👩\u200d🚀 ש\n".repeat(3000);
    byte[] encoded = text.getBytes(CHARSET);
    for (int from = 0; from < encoded.length; from += 7) {
      out.write(encoded, from, Math.min(7, encoded.length - from));
    }
    out.flush();
    assertEquals(new String(encoded, CHARSET), shown());
  }

  @Test
  void aRemarkIsNoLongerThanAScreenAndAResultIsWhole() {
    PrintStream err = StandardStreams.readable(bytes, true);
    err.print("x".repeat(3_000_000));
    err.println("y".repeat(4_900_000));
    err.println("next");
    assertEquals(
        "x".repeat(ReadableWriter.LONGEST_REMARK) + "... (7900000 characters)\nnext\n", shown());
    bytes.reset();
    StandardStreams.readable(bytes, false).println("z".repeat(10_000));
    assertEquals("z".repeat(10_000) + "\n", shown());
  }

  /** As behind {@code | head}; a full disk is one. */
  @Test
  void aReaderThatHasGoneAwayIsNoFailure() {
    assertNull(printedTo("Broken pipe").failure());
    assertEquals("No space left on device", printedTo("No space left on device").failure());
  }

  private static StandardStreams.Output printedTo(String failure) {
    OutputStream gone =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException(failure);
          }
        };
    StandardStreams.Output output = new StandardStreams.Output(gone);
    PrintStream out = StandardStreams.readable(output, false);
    for (int i = 0; i < 1000; i++) {
      out.println("line " + i);
    }
    assertTrue(out.checkError());
    return output;
  }
}
