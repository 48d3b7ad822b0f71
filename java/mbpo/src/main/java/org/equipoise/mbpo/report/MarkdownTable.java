package org.equipoise.mbpo.report;

import java.util.List;

/** A {@link ResultTable} as a Markdown table: values with the mark of their verdict. */
public final class MarkdownTable {
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

  private static String escape(String text) {
    return text.replace("|", "\\|").replace("\n", " ");
  }
}
