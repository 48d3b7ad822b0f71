package org.equipoise.mbpo.storage;

/**
 * Foreign text where people read it. Control characters, marks that turn the direction of writing,
 * characters without a shape and halves of characters are shown as escapes: in a terminal they
 * would move the cursor, change what stands there or reach its clipboard, and everywhere they let a
 * text look like another one.
 */
public final class Excerpt {
  /** Characters of one foreign value in a sentence. */
  public static final int LENGTH = 200;

  /** Marks above and below one letter; more of them paint over the lines around. */
  private static final int MOST_MARKS = 8;

  private Excerpt() {}

  /** On one line: the text where it is short, otherwise its beginning and its length. */
  public static String of(String text) {
    return beginning(text, LENGTH);
  }

  /** The same in quotes. */
  public static String quoted(String text) {
    return '"' + of(text) + '"';
  }

  /** On one line, of about so many characters at most, and its length where it is longer. */
  public static String beginning(String text, int length) {
    int end = Math.min(length, text.length());
    String shown = oneLine(text, end);
    while (shown.length() > 2 * length) {
      // Escapes are longer than what they stand for.
      end = (int) ((long) end * length / shown.length());
      shown = oneLine(text, end);
    }
    return end == text.length() ? shown : shown + "... (" + text.length() + " characters)";
  }

  private static String oneLine(String text, int end) {
    boolean halved =
        end > 0 && end < text.length() && Character.isHighSurrogate(text.charAt(end - 1));
    return readable(text.substring(0, halved ? end - 1 : end))
        .replace("\n", "\\n")
        .replace("\t", "\\t");
  }

  /** Whole, with its lines and tabulators. */
  public static String readable(String text) {
    return readable(text, 0);
  }

  /**
   * A piece of a text that comes in pieces.
   *
   * @param before the character before it, or 0
   */
  public static String readable(String text, int before) {
    StringBuilder shown = new StringBuilder(text.length());
    int marks = 0;
    int previous = before;
    int c;
    for (int i = 0; i < text.length(); i += Character.charCount(c)) {
      c = text.codePointAt(i);
      marks = isMark(c) ? marks + 1 : 0;
      boolean joined = isJoiner(c) && joins(previous, c);
      if (marks <= MOST_MARKS && (joined || isReadable(c) && !isJoiner(c))) {
        shown.appendCodePoint(c);
      } else {
        shown.append(c < 0x10000 ? "\\u%04x".formatted(c) : "\\u{%x}".formatted(c));
      }
      previous = c;
    }
    return shown.toString();
  }

  private static boolean isReadable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL -> c == '\n' || c == '\t';
      case Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> !isShapeless(c);
    };
  }

  /** Letters and symbols by their kind that nobody sees: fillers and a blank of Braille. */
  private static boolean isShapeless(int c) {
    return switch (c) {
      case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0 -> true;
      default -> false;
    };
  }

  private static boolean isMark(int c) {
    int type = Character.getType(c);
    return type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK;
  }

  /** Joiners and selectors of a variant: they make letters of many languages, and emoji. */
  private static boolean isJoiner(int c) {
    return c == 0x200c
        || c == 0x200d
        || c >= 0x180b && c <= 0x180d
        || c >= 0xfe00 && c <= 0xfe0f
        || c >= 0xe0100 && c <= 0xe01ef;
  }

  /**
   * Whether a joiner has something to do behind a character: not in Latin, where it only hides, and
   * not behind one of its own, where a row of them hides a message. Behind emoji one selects the
   * picture and the next one joins.
   */
  private static boolean joins(int previous, int joiner) {
    return isJoiner(previous)
        ? previous == 0xfe0f && joiner == 0x200d
        : previous > 0x24f && isReadable(previous);
  }
}
