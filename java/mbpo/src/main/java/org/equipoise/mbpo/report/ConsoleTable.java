package org.equipoise.mbpo.report;

import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.storage.Excerpt;
import org.jline.utils.WCWidth;
import org.jspecify.annotations.Nullable;

/**
 * The headline metrics of a {@link ResultTable} as text for a terminal of 100 columns, with a mark
 * behind each value that was compared with the reference.
 */
public final class ConsoleTable {
  private static final int METHOD_WIDTH = 24;
  private static final int LONGEST_METHOD = 60;
  private static final int HEADING_WIDTH = 8;
  private static final int VALUE_WIDTH = 6;
  private static final String GAP = "  ";

  private ConsoleTable() {}

  /**
   * Renders a table, ending with a line break.
   *
   * @param charset of the terminal; where it has no triangles, {@code +}, {@code -} and {@code =}
   *     mark better, worse and no clear difference
   */
  public static String render(ResultTable table, Charset charset) {
    boolean symbols = charset.newEncoder().canEncode("▲▼≈–−");
    List<Metric> metrics = table.headlines().metrics();
    List<List<String>> headings =
        metrics.stream().map(metric -> wrap(Excerpt.of(metric.label()), HEADING_WIDTH)).toList();
    int headingLines = headings.stream().mapToInt(List::size).max().orElse(0);
    List<List<String>> methods =
        table.rows().stream()
            .map(row -> wrap(Excerpt.beginning(row.method(), LONGEST_METHOD), METHOD_WIDTH))
            .toList();
    int methodWidth = methods.stream().mapToInt(ConsoleTable::width).max().orElse(0) + 2;

    StringBuilder text = new StringBuilder(Excerpt.of(table.title())).append('\n');
    for (int line = headingLines; line > 0; line--) {
      text.append(" ".repeat(methodWidth));
      for (List<String> heading : headings) {
        String word = line <= heading.size() ? heading.get(heading.size() - line) : "";
        text.append(GAP).append(right(word, columnWidth(heading))).append(GAP);
      }
      newLine(text);
    }
    for (int i = 0; i < methods.size(); i++) {
      text.append(left(methods.get(i).get(0), methodWidth));
      for (int j = 0; j < metrics.size(); j++) {
        Measurement cell = table.rows().get(i).cells().get(metrics.get(j).id());
        text.append(GAP)
            .append(right(value(cell, metrics.get(j)), columnWidth(headings.get(j))))
            .append(' ')
            .append(mark(cell, metrics.get(j), symbols));
      }
      newLine(text);
      methods.get(i).stream().skip(1).forEach(rest -> text.append("  ").append(rest).append('\n'));
    }
    text.append(
            symbols
                ? "▲ better, ▼ worse, ≈ no clear difference: "
                : "+ better, - worse, = no clear difference: ")
        .append("95 % interval of the paired difference with ")
        .append(Excerpt.of(table.reference()))
        .append('\n');
    String best = BestMethods.sentence(table);
    text.append(best).append(best.isEmpty() ? "" : "\n");
    String result = text.toString();
    return symbols ? result : result.replace('−', '-').replace('–', '-');
  }

  private static String value(@Nullable Measurement cell, Metric metric) {
    return cell == null ? Numbers.MISSING : Numbers.plain(cell.value().value(), metric.decimals());
  }

  private static char mark(@Nullable Measurement cell, Metric metric, boolean symbols) {
    Verdict verdict = cell == null ? null : Verdict.of(metric.better(), cell.difference());
    if (verdict == null) {
      return ' ';
    }
    return switch (verdict) {
      case BETTER -> symbols ? '▲' : '+';
      case WORSE -> symbols ? '▼' : '-';
      case NO_CLEAR_DIFFERENCE -> symbols ? '≈' : '=';
    };
  }

  private static void newLine(StringBuilder text) {
    int end = text.length();
    while (end > 0 && text.charAt(end - 1) == ' ') {
      end--;
    }
    text.setLength(end);
    text.append('\n');
  }

  private static int width(List<String> lines) {
    return lines.stream().mapToInt(ConsoleTable::columns).max().orElse(0);
  }

  /** A letter of Chinese takes two columns of a terminal, an accent none. */
  private static int columns(String text) {
    return text.codePoints().map(c -> Math.max(0, WCWidth.wcwidth(c))).sum();
  }

  private static int columnWidth(List<String> heading) {
    return Math.max(VALUE_WIDTH, width(heading));
  }

  private static String left(String text, int width) {
    return text + " ".repeat(Math.max(0, width - columns(text)));
  }

  private static String right(String text, int width) {
    return " ".repeat(Math.max(0, width - columns(text))) + text;
  }

  /** Breaks between words, so that lines stay within the width where they can. */
  private static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    for (String word : text.split(" ")) {
      int last = lines.size() - 1;
      if (last >= 0 && columns(lines.get(last)) + 1 + columns(word) <= width) {
        lines.set(last, lines.get(last) + " " + word);
      } else {
        lines.add(word);
      }
    }
    return lines;
  }
}
