package org.equipoise.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import org.equipoise.torch.Equipoise;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * Runs JMH with its own command line and appends one line per result to {@link ResultLines}; {@code
 * fused-linear} as first argument runs {@link FusedLinearBenchmark}, {@code qwen} {@link
 * QwenGenerationBenchmark}, {@code report} {@link Report}.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments)
      throws RunnerException, IOException, CommandLineOptionException {
    if (arguments.length > 1 && arguments[0].equals("fused-linear")) {
      FusedLinearBenchmark.run(Arrays.copyOfRange(arguments, 1, arguments.length));
      return;
    }
    if (arguments.length > 1 && arguments[0].equals("qwen")) {
      QwenGenerationBenchmark.run(Arrays.copyOfRange(arguments, 1, arguments.length));
      return;
    }
    if (arguments.length > 0 && arguments[0].equals("report")) {
      Report.main(Arrays.copyOfRange(arguments, 1, arguments.length));
      return;
    }
    CommandLineOptions options = new CommandLineOptions(arguments);
    System.out.println(Equipoise.info());
    Collection<RunResult> results = new Runner(options).run();
    append(ResultLines.file(), results);
  }

  static void append(Path csv, Collection<RunResult> results) throws IOException {
    ResultLines lines = new ResultLines();
    for (RunResult result : results) {
      Map<String, Result<?>> metrics = new TreeMap<>();
      metrics.put("time", result.getPrimaryResult());
      result.getSecondaryResults().forEach(metrics::put);
      Map<String, String> parameters = new TreeMap<>();
      for (String key : result.getParams().getParamsKeys()) {
        parameters.put(key, result.getParams().getParam(key));
      }
      String benchmark =
          result.getParams().getBenchmark().replaceFirst("^org\\.equipoise\\.benchmarks\\.", "");
      metrics.forEach(
          (name, metric) -> {
            if (name.equals("time") || name.endsWith("alloc.rate.norm")) {
              lines.add(
                  benchmark,
                  parameters,
                  name,
                  metric.getScoreUnit(),
                  metric.getScore(),
                  metric.getScoreError());
            }
          });
    }
    lines.appendTo(csv);
  }
}
