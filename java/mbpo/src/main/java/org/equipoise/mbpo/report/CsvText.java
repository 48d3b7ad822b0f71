package org.equipoise.mbpo.report;

import java.util.regex.Pattern;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Texts in the cells of a CSV file. A spreadsheet runs a text that begins like a formula; such a
 * text gets an apostrophe before it, which spreadsheets take for "this is text". Control characters
 * are shown as escapes.
 */
public final class CsvText {
  /** Also in the width of Chinese letters; behind blanks, which some programs cut off. */
  private static final Pattern FORMULA = Pattern.compile("(?s)\\s*[=+\\-@＝＋－＠].*|[\\t\\r\\n].*");

  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?");

  private CsvText() {}

  /** What is written for a text; {@link #parse} gives the text back. */
  public static String format(String text) {
    String shown = Excerpt.readable(text);
    boolean risky = FORMULA.matcher(shown).matches() && !NUMBER.matcher(shown).matches();
    // An apostrophe of the text's own is doubled, so that the first one always means the same.
    return risky || shown.startsWith("'") ? "'" + shown : shown;
  }

  /** The text that was written. */
  public static String parse(String cell) {
    return cell.startsWith("'") ? cell.substring(1) : cell;
  }

  /** The same as one cell of a line, quoted where its commas and quotes ask for it. */
  public static String cell(String text) {
    String shown = format(text);
    return shown.matches("(?s).*[,\"\\n].*") ? '"' + shown.replace("\"", "\"\"") + '"' : shown;
  }
}
