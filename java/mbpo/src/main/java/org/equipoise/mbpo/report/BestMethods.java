package org.equipoise.mbpo.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;

/** Which method of a table is best in which measure, by the values alone. */
final class BestMethods {
  private BestMethods() {}

  /** The best value of each judged metric that at least two methods have, by the metric's id. */
  static Map<String, Double> values(ResultTable table) {
    Map<String, Double> best = new HashMap<>();
    for (Metric metric : table.metrics()) {
      double[] values =
          table.rows().stream()
              .map(row -> row.cells().get(metric.id()))
              .filter(cell -> cell != null && !Double.isNaN(cell.value().value()))
              .mapToDouble(cell -> cell.value().value())
              .toArray();
      if (values.length > 1 && metric.better() != Metric.Direction.NEITHER) {
        OptionalDouble value =
            metric.better() == Metric.Direction.HIGHER
                ? DoubleStream.of(values).max()
                : DoubleStream.of(values).min();
        best.put(metric.id(), value.orElseThrow());
      }
    }
    return best;
  }

  /**
   * In words, for the headline metrics of a table of more than two methods, for example {@code
   * "Best of 7 methods: A in AUC and recall, B in choice."}; otherwise empty. Values that look the
   * same with the metric's decimals share the place.
   */
  static String sentence(ResultTable all) {
    ResultTable table = all.headlines();
    if (table.rows().size() <= 2) {
      return "";
    }
    Map<String, Double> best = values(table);
    Map<String, List<String>> measures = new LinkedHashMap<>();
    for (ResultTable.Row row : table.rows()) {
      for (Metric metric : table.metrics()) {
        Measurement cell = row.cells().get(metric.id());
        Double value = best.get(metric.id());
        if (cell != null
            && value != null
            && Numbers.plain(cell.value().value(), metric.decimals())
                .equals(Numbers.plain(value, metric.decimals()))) {
          measures.computeIfAbsent(row.method(), m -> new ArrayList<>()).add(metric.label());
        }
      }
    }
    List<String> parts = new ArrayList<>();
    measures.forEach((method, labels) -> parts.add(method + " in " + joined(labels)));
    return parts.isEmpty()
        ? ""
        : "Best of " + table.rows().size() + " methods: " + String.join("; ", parts) + ".";
  }

  private static String joined(List<String> labels) {
    int last = labels.size() - 1;
    return last == 0
        ? labels.get(0)
        : String.join(", ", labels.subList(0, last)) + " and " + labels.get(last);
  }
}
