package org.equipoise.mbpo.report;

import java.util.List;

/**
 * A table of ready-made texts, for what is not judged: mining quality, accuracy by gold label.
 *
 * @param title heading
 * @param note one or two sentences under it; may be empty
 * @param columns headings; the first column names the rows
 * @param rows cells, each row as long as {@code columns}
 */
public record TextTable(String title, String note, List<String> columns, List<List<String>> rows) {

  public TextTable {
    columns = List.copyOf(columns);
    rows = rows.stream().map(List::copyOf).toList();
    for (List<String> row : rows) {
      if (row.size() != columns.size()) {
        throw new IllegalArgumentException(
            "table \""
                + title
                + "\" has "
                + columns.size()
                + " columns, but a row with "
                + row.size()
                + " cells: "
                + row);
      }
    }
  }
}
