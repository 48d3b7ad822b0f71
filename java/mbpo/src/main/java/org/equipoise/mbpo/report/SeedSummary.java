package org.equipoise.mbpo.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.apache.commons.statistics.distribution.TDistribution;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * The same tables from several seeds as one: means over seeds, with Student-t 95 % intervals,
 *
 * <pre>mean ± t(0.975, n − 1) · s / √n,  s with n − 1</pre>
 *
 * of the values and of the paired differences. The seed is the unit, so the intervals cover what
 * changes from training run to training run.
 */
public final class SeedSummary {
  private SeedSummary() {}

  /**
   * @param origin commit, command, seeds and machine in a sentence; becomes part of each table's
   *     note
   * @param runs the tables of each seed, at least two; all with the same titles, methods and
   *     metrics
   */
  public static List<ResultTable> of(String origin, List<List<ResultTable>> runs) {
    if (runs.size() < 2) {
      throw new IllegalArgumentException(
          "a summary over seeds needs at least 2 runs, found " + runs.size());
    }
    List<ResultTable> summary = new ArrayList<>();
    for (ResultTable first : runs.get(0)) {
      summary.add(summarise(origin, first, runs.stream().map(run -> same(first, run)).toList()));
    }
    return summary;
  }

  private static ResultTable summarise(String origin, ResultTable first, List<ResultTable> tables) {
    List<ResultTable.Row> rows = new ArrayList<>();
    for (ResultTable.Row row : first.rows()) {
      Map<String, Measurement> cells = new LinkedHashMap<>();
      for (String metric : row.cells().keySet()) {
        List<Measurement> seeds =
            tables.stream().map(table -> cell(table, row.method(), metric)).toList();
        boolean compared = seeds.stream().allMatch(seed -> seed.difference() != null);
        cells.put(
            metric,
            new Measurement(
                interval(seeds, Measurement::value),
                compared ? interval(seeds, Measurement::difference) : null));
      }
      rows.add(new ResultTable.Row(row.method(), row.kind(), cells));
    }
    return new ResultTable(
        first.title(),
        "Mean over " + tables.size() + " seeds with Student-t 95 % intervals over seeds. " + origin,
        first.reference(),
        first.subject(),
        first.metrics(),
        rows);
  }

  private static Interval interval(List<Measurement> seeds, Function<Measurement, Interval> part) {
    double[] values = seeds.stream().mapToDouble(seed -> part.apply(seed).value()).toArray();
    int n = values.length;
    double mean = 0;
    for (double value : values) {
      mean += value / n;
    }
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    double half =
        TDistribution.of(n - 1.0).inverseCumulativeProbability(0.975)
            * Math.sqrt(squares / (n - 1) / n);
    return new Interval(mean, mean - half, mean + half);
  }

  private static ResultTable same(ResultTable first, List<ResultTable> run) {
    ResultTable table =
        run.stream()
            .filter(candidate -> candidate.title().equals(first.title()))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "one run has no table "
                            + Excerpt.quoted(first.title())
                            + "; all runs must be of the same"
                            + " version and options"));
    if (!Objects.equals(table.reference(), first.reference())) {
      throw new IllegalArgumentException(
          "table "
              + Excerpt.quoted(first.title())
              + " has reference "
              + Excerpt.of(first.reference())
              + " in one run and "
              + Excerpt.of(table.reference())
              + " in another");
    }
    return table;
  }

  private static Measurement cell(ResultTable table, String method, String metric) {
    Measurement cell = table.row(method).cells().get(metric);
    if (cell == null) {
      throw new IllegalArgumentException(
          "table "
              + Excerpt.quoted(table.title())
              + " of one run lacks "
              + Excerpt.of(metric)
              + " of "
              + Excerpt.of(method));
    }
    return cell;
  }
}
