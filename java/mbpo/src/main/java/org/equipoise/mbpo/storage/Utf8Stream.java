package org.equipoise.mbpo.storage;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Bytes of a text that are checked to be UTF-8 while they are read, as {@link Utf8} does. */
public final class Utf8Stream extends FilterInputStream {
  private final String name;
  private final byte[] unchecked = new byte[Utf8.LONGEST_CHARACTER];
  private int waiting;
  private int line = 1;
  private long position;

  /**
   * @param name of the file, for messages
   */
  public Utf8Stream(InputStream stream, String name) {
    super(stream);
    this.name = name;
  }

  /** Bytes that were read. */
  public long position() {
    return position;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int from, int length) throws IOException {
    int read = in.read(into, from, length);
    if (read > 0) {
      position += read;
    }
    check(into, from, Math.max(0, read), read < 0);
    return read;
  }

  /** A character may stand in two pieces, of which the first waits for the second. */
  private void check(byte[] bytes, int from, int length, boolean end) {
    byte[] piece = new byte[waiting + length];
    System.arraycopy(unchecked, 0, piece, 0, waiting);
    System.arraycopy(bytes, from, piece, waiting, length);
    waiting = end ? 0 : Utf8.begun(piece);
    line += Utf8.checkPiece(piece, piece.length - waiting, name, line);
    System.arraycopy(piece, piece.length - waiting, unchecked, 0, waiting);
  }
}
