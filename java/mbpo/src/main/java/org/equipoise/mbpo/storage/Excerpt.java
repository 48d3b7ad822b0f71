package org.equipoise.mbpo.storage;

/**
 * Foreign text where people read it. Control characters, marks that turn the direction of writing
 * and halves of characters are shown as escapes: in a terminal they would move the cursor, change
 * what stands there or reach its clipboard.
 */
public final class Excerpt {
  private static final int LENGTH = 80;

  private Excerpt() {}

  /** On one line: the text where it is short, otherwise its beginning and its length. */
  public static String of(String text) {
    return beginning(text, LENGTH);
  }

  /** The same in quotes. */
  public static String quoted(String text) {
    return '"' + of(text) + '"';
  }

  /** On one line, of at most so many characters and its length. */
  public static String beginning(String text, int length) {
    int end = Math.min(length, text.length());
    if (end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
      end--;
    }
    String shown = readable(text.substring(0, end)).replace("\n", "\\n").replace("\t", "\\t");
    return end == text.length() ? shown : shown + "... (" + text.length() + " characters)";
  }

  /** Whole, with its lines and tabulators. */
  public static String readable(String text) {
    if (text.codePoints().allMatch(Excerpt::isReadable)) {
      return text;
    }
    StringBuilder shown = new StringBuilder(text.length() + 16);
    text.codePoints()
        .forEach(
            c -> {
              if (isReadable(c)) {
                shown.appendCodePoint(c);
              } else {
                shown.append(String.format("\\u%04x", c));
              }
            });
    return shown.toString();
  }

  private static boolean isReadable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL -> codePoint == '\n' || codePoint == '\t';
      // Joiners make letters of many languages, and emoji.
      case Character.FORMAT -> codePoint == 0x200c || codePoint == 0x200d;
      case Character.SURROGATE, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> false;
      default -> true;
    };
  }
}
