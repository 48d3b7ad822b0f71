package org.equipoise.mbpo.storage;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * UTF-8 text of users' files, strictly: bytes of another encoding are refused by file and line, as
 * replacement characters would be trained on. A byte order mark is skipped.
 */
public final class Utf8 {
  /** Bytes of the longest mark by which another encoding is known. */
  public static final int LONGEST_MARK = 4;

  static final int LONGEST_CHARACTER = 4;

  private static final int SHOWN_BEFORE = 20;

  private Utf8() {}

  /**
   * The text of a whole file.
   *
   * @param name of the file, for messages
   */
  public static String text(byte[] content, String name) {
    int start = check(content, name);
    return new String(content, start, content.length - start, StandardCharsets.UTF_8);
  }

  /**
   * Where the text begins, after a look at all of it.
   *
   * @param name of the file, for messages
   */
  public static int check(byte[] content, String name) {
    int start = start(content, name);
    checkLines(content, start, content.length, name, 1);
    return start;
  }

  private static void checkLines(byte[] content, int start, int end, String name, int firstLine) {
    int bad = firstBad(content, start, end);
    if (bad >= 0) {
      int line = firstLine;
      int from = start;
      for (int i = start; i < bad; i++) {
        if (content[i] == '\n') {
          line++;
          from = i + 1;
        }
      }
      throw new IllegalArgumentException(name + ":" + line + ": " + problem(content, from, bad));
    }
  }

  /** Checks the next piece of a text, which ends with a character, and counts its line feeds. */
  static int checkPiece(byte[] piece, int length, String name, int line) {
    checkLines(piece, 0, length, name, line);
    int lines = 0;
    for (int i = 0; i < length; i++) {
      lines += piece[i] == '\n' ? 1 : 0;
    }
    return lines;
  }

  /** Bytes at the end that may be the beginning of a character. */
  static int begun(byte[] piece) {
    for (int back = 1; back < LONGEST_CHARACTER && back <= piece.length; back++) {
      int lead = piece[piece.length - back] & 0xff;
      if (lead >= 0xc0) {
        int needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        return back < needed ? back : 0;
      }
      if (lead < 0x80) {
        return 0;
      }
    }
    return 0;
  }

  /**
   * Where the text begins, behind a byte order mark; UTF-16 and UTF-32 are refused by name.
   *
   * @param name of the file, for messages
   */
  public static int start(byte[] content, String name) {
    String other = otherEncoding(content);
    if (other != null) {
      throw new IllegalArgumentException(
          name
              + ": expected UTF-8 text, found "
              + other
              + "; save it as UTF-8, for example: iconv -f "
              + other
              + " -t UTF-8 FILE > NEW_FILE");
    }
    return has(content, 0xef, 0xbb, 0xbf) ? 3 : 0;
  }

  /** The text of one line; an error begins with what is wrong, its caller names the place. */
  public static String line(byte[] content, int from, int to) {
    int bad = firstBad(content, from, to);
    if (bad >= 0) {
      throw new IllegalArgumentException(problem(content, from, bad));
    }
    return new String(content, from, to - from, StandardCharsets.UTF_8);
  }

  private static String problem(byte[] content, int lineStart, int bad) {
    int from = Math.max(lineStart, bad - SHOWN_BEFORE);
    String before = new String(content, from, bad - from, StandardCharsets.UTF_8);
    return String.format(
        "expected UTF-8 text, found the byte 0x%02X behind %s; save the file as UTF-8, for example:"
            + " iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW_FILE",
        content[bad] & 0xff, Excerpt.quoted(before.replace("\uFFFD", "")));
  }

  /** Place of the first byte that is not UTF-8, or -1. */
  private static int firstBad(byte[] content, int from, int to) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(content, from, to - from);
    CharBuffer characters = CharBuffer.allocate(1 << 12);
    while (true) {
      CoderResult result = decoder.decode(bytes, characters, true);
      if (result.isError()) {
        return bytes.position();
      }
      if (result.isUnderflow()) {
        return -1;
      }
      characters.clear();
    }
  }

  /** By the byte order mark, or by the zeros that JSON's first two characters have. */
  private static @Nullable String otherEncoding(byte[] content) {
    if (has(content, 0xff, 0xfe, 0, 0) || has(content, 0, 0, 0xfe, 0xff)) {
      return "UTF-32";
    }
    if (has(content, 0xff, 0xfe) || has(content, 0xfe, 0xff)) {
      return "UTF-16";
    }
    if (content.length < 4) {
      return null;
    }
    boolean[] zero = new boolean[4];
    for (int i = 0; i < 4; i++) {
      zero[i] = content[i] == 0;
    }
    if (!zero[0] && zero[1] && !zero[2] && zero[3]) {
      return "UTF-16LE";
    }
    if (zero[0] && !zero[1] && zero[2] && !zero[3]) {
      return "UTF-16BE";
    }
    if (!zero[0] && zero[1] && zero[2] && zero[3]) {
      return "UTF-32LE";
    }
    return zero[0] && zero[1] && zero[2] && !zero[3] ? "UTF-32BE" : null;
  }

  private static boolean has(byte[] content, int... mark) {
    if (content.length < mark.length) {
      return false;
    }
    for (int i = 0; i < mark.length; i++) {
      if ((content[i] & 0xff) != mark[i]) {
        return false;
      }
    }
    return true;
  }
}
