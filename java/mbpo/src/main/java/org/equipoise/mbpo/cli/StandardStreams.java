package org.equipoise.mbpo.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import org.jspecify.annotations.Nullable;

/**
 * The process's output and error output behind the seam of {@link ReadableWriter}: what loggers,
 * libraries and stack traces print passes it as well as what commands print. Native libraries write
 * past it.
 */
final class StandardStreams {
  private static final PrintStream TERMINAL = System.err;

  private StandardStreams() {}

  /**
   * Called once, before anything is printed or logged.
   *
   * @return the output, which remembers what went wrong
   */
  static Output guard(OutputStream out, OutputStream err) {
    Output output = new Output(out);
    System.setOut(readable(output, false));
    System.setErr(readable(err, true));
    return output;
  }

  /** The error output as the process got it, for a display that moves the cursor itself. */
  static PrintStream terminal() {
    return TERMINAL;
  }

  static PrintStream readable(OutputStream out, boolean remarks) {
    Charset charset = charset(remarks ? "sun.stderr.encoding" : "sun.stdout.encoding");
    Writer encoded = new OutputStreamWriter(out, charset);
    Writer shown = remarks ? ReadableWriter.ofRemarks(encoded) : ReadableWriter.ofResults(encoded);
    return new PrintStream(new Decoded(shown, charset), true, charset);
  }

  /** The one that picocli encodes with. */
  private static Charset charset(String property) {
    String name = System.getProperty(property);
    return name == null ? Charset.defaultCharset() : Charset.forName(name);
  }

  /** Print streams keep failures to themselves; this one tells of an output that was lost. */
  static final class Output extends FilterOutputStream {
    private @Nullable String failure;

    Output(OutputStream out) {
      super(out);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      try {
        out.write(bytes, from, length);
      } catch (IOException e) {
        failure = failure == null ? String.valueOf(e.getMessage()) : failure;
        throw e;
      }
    }

    /** Why it was not written; {@code null} where it was, and where the reader had enough. */
    @Nullable String failure() {
      return failure == null || failure.contains("Broken pipe") ? null : failure;
    }
  }

  /** Bytes to characters; a character may come in pieces. */
  private static final class Decoded extends OutputStream {
    private final Writer out;
    private final CharsetDecoder decoder;
    private ByteBuffer pending = ByteBuffer.allocate(0);

    Decoded(Writer out, Charset charset) {
      this.out = out;
      this.decoder =
          charset
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPLACE)
              .onUnmappableCharacter(CodingErrorAction.REPLACE);
    }

    @Override
    public void write(int single) throws IOException {
      write(new byte[] {(byte) single}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      ByteBuffer all = ByteBuffer.allocate(pending.remaining() + length);
      all.put(pending).put(bytes, from, length).flip();
      CharBuffer characters = CharBuffer.allocate(all.remaining() + 1);
      decoder.decode(all, characters, false);
      pending = all;
      out.write(characters.flip().toString());
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }
  }
}
