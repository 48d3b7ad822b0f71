package org.equipoise.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.Loader;
import org.equipoise.torch.Equipoise;

/**
 * Lines of the results CSV, each with time, commit, processor, JDK and CPU variant.
 *
 * <p>{@code -Dequipoise.csv=FILE} names the file (default {@code results.csv} in the working
 * folder), {@code -Dequipoise.commit=ID} the commit.
 */
final class ResultLines {
  private static final String HEADER =
      "time,commit,processor,cpus,jdk,variant,benchmark,parameters,metric,unit,value,error\n";

  private final StringBuilder lines = new StringBuilder();

  static Path file() {
    return Path.of(System.getProperty("equipoise.csv", "results.csv"));
  }

  void add(
      String benchmark,
      Map<String, String> parameters,
      String metric,
      String unit,
      double value,
      double error) {
    String sorted = new TreeMap<>(parameters).toString().replaceAll("[{} ]", "").replace(',', ';');
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
            benchmark,
            sorted,
            metric,
            unit,
            value,
            error));
  }

  void appendTo(Path csv) throws IOException {
    String text = Files.exists(csv) ? lines.toString() : HEADER + lines;
    Files.writeString(
        csv, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
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
