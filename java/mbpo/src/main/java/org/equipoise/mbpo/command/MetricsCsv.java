package org.equipoise.mbpo.command;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.report.CsvText;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.train.StepMetrics;

/**
 * One line for each step, written when the step is done. A run that goes on writes the lines of the
 * steps that its checkpoint has behind it anew: those of the file may be later ones, or damaged.
 */
final class MetricsCsv {
  private final Path file;
  private long bytes;

  MetricsCsv(Path file) {
    this.file = file;
  }

  /** Makes the file hold these steps and nothing else. */
  void begin(List<StepMetrics> done) {
    StringBuilder text = new StringBuilder();
    done.forEach(step -> add(step, text));
    AtomicFiles.write(file, text.toString());
    bytes = text.toString().getBytes(StandardCharsets.UTF_8).length;
  }

  void add(StepMetrics step) {
    StringBuilder text = new StringBuilder();
    add(step, text);
    bytes = AtomicFiles.append(file, bytes, text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static void add(StepMetrics step, StringBuilder text) {
    if (step.step() == 0) {
      text.append("step");
      step.values().keySet().forEach(name -> text.append(',').append(CsvText.cell(name)));
      text.append('\n');
    }
    text.append(step.step());
    step.values().values().forEach(value -> text.append(',').append(value));
    text.append('\n');
  }
}
