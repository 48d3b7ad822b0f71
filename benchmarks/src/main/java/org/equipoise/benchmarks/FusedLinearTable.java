package org.equipoise.benchmarks;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/** {@link FusedLinearBenchmark} and its peers: time, ratio to the own products, memory. */
final class FusedLinearTable {
  private static final String BENCHMARK = "FusedLinearBenchmark.";

  private FusedLinearTable() {}

  static String of(Path csv) throws IOException {
    Map<String, Map<String, String>> rows = new TreeMap<>();
    CSVFormat format = CSVFormat.DEFAULT.builder().setHeader().setSkipHeaderRecord(true).get();
    try (Reader reader = Files.newBufferedReader(csv);
        CSVParser records = format.parse(reader)) {
      for (CSVRecord record : records) {
        String benchmark = record.get("benchmark");
        if (benchmark.startsWith(BENCHMARK)) {
          String key = record.get("parameters") + "|" + benchmark.substring(BENCHMARK.length());
          rows.computeIfAbsent(key, k -> new HashMap<>())
              .put(record.get("metric"), record.get("value"));
        }
      }
    }
    StringBuilder table =
        new StringBuilder("| Case | Implementation | Seconds | Times its products | Extra MiB |\n")
            .append("|---|---|---|---|---|\n");
    rows.forEach(
        (key, metrics) -> {
          String[] names = key.split("\\|");
          table.append(
              "| %s | %s | %s | %s | %s |%n"
                  .formatted(
                      names[0].replace(";", ", "),
                      names[1],
                      metrics.getOrDefault("time", ""),
                      metrics.getOrDefault("products", ""),
                      metrics.getOrDefault("memory", "")));
        });
    return table.toString();
  }
}
