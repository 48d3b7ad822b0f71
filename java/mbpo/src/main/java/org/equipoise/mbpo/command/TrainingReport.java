package org.equipoise.mbpo.command;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.report.HtmlReport;
import org.equipoise.mbpo.report.LineChart;
import org.equipoise.mbpo.report.ReportData;
import org.equipoise.mbpo.report.ReportDataBuilder;
import org.equipoise.mbpo.report.SettingGroup;
import org.equipoise.mbpo.train.StepMetrics;
import org.equipoise.mbpo.train.TrainingResult;

/** A page with a curve for each metric of a training. */
final class TrainingReport {
  private TrainingReport() {}

  static void write(Path file, RunSettings settings, TrainSettings train, TrainingResult result) {
    String method = train.method().name().toLowerCase(Locale.ROOT);
    ReportDataBuilder report =
        ReportData.builder(
                "Training: " + method,
                String.format(
                    Locale.ROOT,
                    "%d optimiser steps. %s",
                    result.history().size(),
                    result.alarms().isEmpty()
                        ? "No alarm."
                        : "Alarms: " + String.join(" ", result.alarms())))
            .trainingCurves(curves(result.history()))
            .settings(
                List.of(
                    SettingGroup.of("Model", settings.bind("model", ModelSettings.class)),
                    switch (train.method()) {
                      case HYBRID -> SettingGroup.of("Hybrid GRPO", train.hybrid());
                      case DPO -> SettingGroup.of("DPO", train.dpo());
                      case SFT -> SettingGroup.of("Fine-tuning", train.sft());
                    },
                    SettingGroup.of("Adapters", train.lora())));
    HtmlReport.write(report.build(), file);
  }

  private static List<LineChart> curves(List<StepMetrics> history) {
    List<LineChart> charts = new ArrayList<>();
    if (history.isEmpty()) {
      return charts;
    }
    double[] steps = history.stream().mapToDouble(StepMetrics::step).toArray();
    for (String name : history.get(0).values().keySet()) {
      double[] values = history.stream().mapToDouble(step -> step.value(name)).toArray();
      if (varies(values)) {
        charts.add(
            new LineChart(
                name.replace('_', ' '),
                "",
                "optimiser step",
                "",
                LineChart.Frame.FITTED,
                List.of(new LineChart.Series(name, steps, values))));
      }
    }
    return charts;
  }

  /** What stays the same all along, a clip that never clips, says nothing as a curve. */
  private static boolean varies(double[] values) {
    double[] known = Arrays.stream(values).filter(Double::isFinite).distinct().toArray();
    return known.length > 1 || values.length == 1 && known.length == 1;
  }
}
