package org.equipoise.mbpo.report;

import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * Methods (rows) by metrics (columns), judged against one reference method.
 *
 * @param title for example {@code "Trained pairs"}
 * @param note one or two sentences under the title: items, seeds, kind of interval; may be empty
 * @param reference name of the row that differences refer to
 * @param subject name of the row the verdict speaks about, or {@code null}: no verdict for this
 *     table
 * @param metrics the columns, in order
 * @param rows the rows, in order; names are unique
 */
public record ResultTable(
    String title,
    String note,
    String reference,
    @Nullable String subject,
    List<Metric> metrics,
    List<Row> rows) {

  public ResultTable {
    metrics = List.copyOf(metrics);
    rows = List.copyOf(rows);
    require(title, rows, reference, "reference");
    if (subject != null) {
      require(title, rows, subject, "subject");
    }
  }

  /**
   * One method.
   *
   * @param method name, as a reader should see it
   * @param kind {@code "no training"}, {@code "trained"}, ...: rows of one kind stand together; may
   *     be empty
   * @param cells by {@link Metric#id()}; a missing key is shown as a dash
   */
  public record Row(String method, String kind, Map<String, Measurement> cells) {
    public Row {
      cells = Map.copyOf(cells);
    }
  }

  /** The table with its headline metrics only; the table itself when none is a headline. */
  public ResultTable headlines() {
    List<Metric> headlines = metrics.stream().filter(Metric::headline).toList();
    return headlines.isEmpty()
        ? this
        : new ResultTable(title, note, reference, subject, headlines, rows);
  }

  /** The row of this method. */
  public Row row(String method) {
    return rows.stream()
        .filter(row -> row.method().equals(method))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "table " + Excerpt.quoted(title) + " has no row " + Excerpt.of(method)));
  }

  private static void require(String title, List<Row> rows, String method, String role) {
    long found = rows.stream().filter(row -> row.method().equals(method)).count();
    if (found != 1) {
      throw new IllegalArgumentException(
          "table "
              + Excerpt.quoted(title)
              + " needs exactly one row named like its "
              + role
              + " "
              + Excerpt.quoted(method)
              + ", found "
              + found
              + " among "
              + Excerpt.of(rows.stream().map(Row::method).toList().toString()));
    }
  }
}
