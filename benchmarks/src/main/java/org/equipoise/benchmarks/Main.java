package org.equipoise.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.Loader;
import org.equipoise.torch.Equipoise;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * Runs JMH with its own command line and appends one line per result to a CSV.
 *
 * <p>{@code -Dequipoise.csv=FILE} names the file (default {@code results.csv} in the working
 * folder), {@code -Dequipoise.commit=ID} the commit.
 */
public final class Main {
  private static final String HEADER =
      "time,commit,processor,cpus,jdk,variant,benchmark,parameters,metric,unit,value,error\n";

  private Main() {}

  public static void main(String[] arguments)
      throws RunnerException, IOException, CommandLineOptionException {
    if (arguments.length > 1 && arguments[0].equals("fused-linear")) {
      FusedLinearBenchmark.run(Arrays.copyOfRange(arguments, 1, arguments.length));
      return;
    }
    CommandLineOptions options = new CommandLineOptions(arguments);
    System.out.println(Equipoise.info());
    Collection<RunResult> results = new Runner(options).run();
    append(Path.of(System.getProperty("equipoise.csv", "results.csv")), results);
  }

  static void append(Path csv, Collection<RunResult> results) throws IOException {
    StringBuilder lines = new StringBuilder();
    if (!Files.exists(csv)) {
      lines.append(HEADER);
    }
    for (RunResult result : results) {
      Map<String, Result<?>> metrics = new TreeMap<>();
      metrics.put("time", result.getPrimaryResult());
      result.getSecondaryResults().forEach(metrics::put);
      for (Map.Entry<String, Result<?>> metric : metrics.entrySet()) {
        if (!metric.getKey().equals("time") && !metric.getKey().endsWith("alloc.rate.norm")) {
          continue;
        }
        Map<String, String> parameters = new TreeMap<>();
        for (String key : result.getParams().getParamsKeys()) {
          parameters.put(key, result.getParams().getParam(key));
        }
        lines.append(
            String.format(
                Locale.ROOT,
                "%s,%s,%s,%d,%s,%s,%s,%s,%s,%s,%.4g,%.3g%n",
                Instant.now().truncatedTo(ChronoUnit.SECONDS),
                System.getProperty("equipoise.commit", "unknown"),
                processor(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("java.version"),
                variant(),
                result
                    .getParams()
                    .getBenchmark()
                    .replaceFirst("^org\\.equipoise\\.benchmarks\\.", ""),
                parameters.toString().replaceAll("[{} ]", "").replace(',', ';'),
                metric.getKey(),
                metric.getValue().getScoreUnit(),
                metric.getValue().getScore(),
                metric.getValue().getScoreError()));
      }
    }
    Files.writeString(
        csv, lines, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private static String variant() {
    for (String line : Equipoise.info().split("\n")) {
      if (line.startsWith("cpu variant: ")) {
        return line.substring("cpu variant: ".length()).split(" ")[0];
      }
    }
    return "unknown";
  }

  private static String processor() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
        if (line.startsWith("model name")) {
          return line.substring(line.indexOf(':') + 1).strip().replace(',', ' ');
        }
      }
    } catch (IOException unreadable) {
      return Loader.getPlatform();
    }
    return Loader.getPlatform();
  }
}
