package org.equipoise.mbpo.storage;

/** Foreign text in messages: of bounded length and on one line. */
public final class Excerpt {
  private static final int LENGTH = 80;

  private Excerpt() {}

  /** The text as it is where it is short, otherwise its beginning and its length. */
  public static String of(String text) {
    StringBuilder shown = new StringBuilder();
    int end = Math.min(LENGTH, text.length());
    if (end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
      end--;
    }
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if (c == '\n') {
        shown.append("\\n");
      } else if (Character.isISOControl(c)) {
        shown.append(String.format("\\u%04x", (int) c));
      } else {
        shown.append(c);
      }
    }
    if (end < text.length()) {
      shown.append("... (").append(text.length()).append(" characters)");
    }
    return shown.toString();
  }

  /** The same in quotes. */
  public static String quoted(String text) {
    return '"' + of(text) + '"';
  }
}
