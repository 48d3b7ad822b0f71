package org.equipoise.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Runs every benchmark once on small shapes: their set-ups check correctness. Times mean nothing.
 */
class BenchmarkSmokeTest {
  @TempDir Path folder;

  @Test
  void everyBenchmarkRunsAndLeavesALine() throws Exception {
    var results =
        new Runner(
                new OptionsBuilder()
                    .mode(Mode.SingleShotTime)
                    .forks(0)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(TimeValue.milliseconds(1))
                    .param("rows", "3")
                    .param("vocab", "50")
                    .param("images", "1")
                    .param("groups", "20")
                    .param("sequences", "3")
                    .param("tokens", "50")
                    .shouldFailOnError(true)
                    .build())
            .run();
    Path csv = folder.resolve("results.csv");
    Main.append(csv, results);
    Main.append(csv, results);
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + 2 * results.size(), lines.size());
    int columns = lines.get(0).split(",").length;
    for (String line : lines) {
      assertEquals(columns, line.split(",", -1).length, line);
    }
    assertTrue(results.size() >= 20, "benchmarks run: " + results.size());
  }
}
