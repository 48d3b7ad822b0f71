package org.equipoise.benchmarks;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * Equipoise against the fastest of its peers in one benchmark with the same parameters.
 *
 * <p>Benchmark methods are named {@code <who><way><case>}: {@code equipoiseForward} is compared
 * with every method of its class that starts with {@code libtorch} or {@code pytorch} and ends with
 * {@code Forward}; no case may be the end of another. Of repeated results the latest counts.
 *
 * @param name benchmark and case
 * @param parameters as in the CSV
 * @param metric what was measured: time or memory
 * @param unit of {@code ours} and {@code theirs}
 * @param ours what Equipoise took
 * @param peer the best peer's method
 * @param theirs what the best peer took
 */
record Comparison(
    String name,
    String parameters,
    String metric,
    String unit,
    double ours,
    String peer,
    double theirs) {

  private static final Pattern BENCHMARK =
      Pattern.compile("(\\w+?)(?:Benchmark)?\\.(equipoise|libtorch|pytorch)(\\w*)");

  private record Key(String type, String parameters, String metric, String unit) {}

  private record Value(String who, String rest, double value) {}

  /** How many times Equipoise is faster or smaller. */
  double ratio() {
    return theirs / ours;
  }

  static List<Comparison> read(Path csv) throws IOException {
    Map<Key, Map<String, Value>> groups = new LinkedHashMap<>();
    CSVFormat format = CSVFormat.DEFAULT.builder().setHeader().setSkipHeaderRecord(true).get();
    try (Reader reader = Files.newBufferedReader(csv);
        CSVParser records = format.parse(reader)) {
      for (CSVRecord record : records) {
        Matcher benchmark = BENCHMARK.matcher(record.get("benchmark"));
        if (!benchmark.matches() || record.get("metric").contains("alloc")) {
          continue;
        }
        Key key =
            new Key(
                benchmark.group(1),
                record.get("parameters"),
                record.get("metric"),
                record.get("unit").replace("/op", ""));
        Value value =
            new Value(
                benchmark.group(2), benchmark.group(3), Double.parseDouble(record.get("value")));
        groups
            .computeIfAbsent(key, k -> new LinkedHashMap<>())
            .put(value.who() + value.rest(), value);
      }
    }
    List<Comparison> comparisons = new ArrayList<>();
    groups.forEach((key, values) -> compare(key, values, comparisons));
    return comparisons;
  }

  private static void compare(Key key, Map<String, Value> values, List<Comparison> comparisons) {
    for (Value ours : values.values()) {
      if (!ours.who().equals("equipoise")) {
        continue;
      }
      Value best = null;
      for (Value theirs : values.values()) {
        boolean peer = !theirs.who().equals("equipoise") && theirs.rest().endsWith(ours.rest());
        if (peer && (best == null || theirs.value() < best.value())) {
          best = theirs;
        }
      }
      if (best != null) {
        comparisons.add(
            new Comparison(
                key.type() + (ours.rest().isEmpty() ? "" : " " + ours.rest()),
                key.parameters(),
                key.metric(),
                key.unit(),
                ours.value(),
                best.who() + best.rest(),
                best.value()));
      }
    }
  }
}
