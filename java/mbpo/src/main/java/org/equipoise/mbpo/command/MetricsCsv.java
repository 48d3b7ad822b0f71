package org.equipoise.mbpo.command;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.train.StepMetrics;

/**
 * One line for each step, written when the step is done. A run that goes on from an earlier
 * checkpoint writes the later steps' lines anew.
 */
final class MetricsCsv {
  private final Path file;
  private long bytes = -1;

  MetricsCsv(Path file) {
    this.file = file;
  }

  void add(StepMetrics step) {
    if (bytes < 0) {
      bytes = bytesBefore(step);
    }
    StringBuilder text = new StringBuilder();
    if (bytes == 0) {
      text.append("step,").append(String.join(",", step.values().keySet())).append('\n');
    }
    text.append(step.step());
    step.values().values().forEach(value -> text.append(',').append(value));
    text.append('\n');
    bytes = AtomicFiles.append(file, bytes, text.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** Length of the header and of the lines of earlier steps. */
  private long bytesBefore(StepMetrics step) {
    if (!Files.exists(file)) {
      return 0;
    }
    List<String> lines = AtomicFiles.readText(file).lines().toList();
    long length = 0;
    for (int i = 0; i < Math.min(lines.size(), step.step() + 1); i++) {
      length += lines.get(i).getBytes(StandardCharsets.UTF_8).length + 1;
    }
    return step.step() == 0 ? 0 : length;
  }
}
