package org.equipoise.mbpo.report;

import java.util.List;
import java.util.regex.Pattern;
import org.equipoise.mbpo.storage.Excerpt;

/** A {@link ResultTable} as a Markdown table: values with the mark of their verdict. */
public final class MarkdownTable {
  /** Characters of a foreign text; notes have a sentence or two. */
  private static final int LONGEST = 1000;

  /**
   * What opens something in Markdown, and what would make an address a link by itself. Within a
   * word an underscore is one.
   */
  private static final Pattern MARKS =
      Pattern.compile(
          "[\\\\`*\\[\\]|~$]|(?<![\\p{L}\\p{N}])_|_(?![\\p{L}\\p{N}])|:(?=//)|(?<=www)\\.",
          Pattern.CASE_INSENSITIVE);

  private MarkdownTable() {}

  /**
   * Renders the headline metrics of a table; ends with a line break.
   *
   * @return the heading, the table, one line on who is best, and one that explains the marks
   */
  public static String render(ResultTable table) {
    List<Metric> metrics = table.headlines().metrics();
    StringBuilder text = new StringBuilder("**" + escape(table.title()) + "**\n\n| Method |");
    for (Metric metric : metrics) {
      String arrow =
          switch (metric.better()) {
            case HIGHER -> " ↑";
            case LOWER -> " ↓";
            case NEITHER -> "";
          };
      text.append(' ').append(escape(metric.label())).append(arrow).append(" |");
    }
    text.append("\n|---|").append("--:|".repeat(metrics.size())).append('\n');
    for (ResultTable.Row row : table.rows()) {
      boolean subject = row.method().equals(table.subject());
      text.append("| ").append(subject ? "**" + escape(row.method()) + "**" : escape(row.method()));
      text.append(" |");
      for (Metric metric : metrics) {
        text.append(' ').append(cell(row, metric)).append(" |");
      }
      text.append('\n');
    }
    String best = BestMethods.sentence(table);
    return text.append(best.isEmpty() ? "" : "\n" + escape(best) + "\n")
        .append("\n↑ higher is better, ↓ lower is better. Against ")
        .append(escape(table.reference()))
        .append(
            ": ▲ better, ▼ worse, ≈ no clear difference (95 % interval of the paired difference). ")
        .append(escape(table.note()))
        .append('\n')
        .toString();
  }

  private static String cell(ResultTable.Row row, Metric metric) {
    Measurement cell = row.cells().get(metric.id());
    if (cell == null) {
      return Numbers.MISSING;
    }
    Verdict verdict = Verdict.of(metric.better(), cell.difference());
    String value = Numbers.plain(cell.value().value(), metric.decimals());
    return verdict == null ? value : value + " " + ResultTableView.mark(verdict);
  }

  /**
   * Foreign text as text: on one line, without tags, links, pictures, code, formulas and cells of
   * its own. Our texts begin every line, so lists and headings need no escape.
   */
  static String escape(String text) {
    return MARKS
        .matcher(Excerpt.beginning(text.replace("\n", " "), LONGEST))
        .replaceAll("\\\\$0")
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;");
  }
}
