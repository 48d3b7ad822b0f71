package org.equipoise.mbpo.demo;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.equipoise.mbpo.demo.task.EvaluationSplit;
import org.equipoise.mbpo.evaluate.Bootstrap;
import org.equipoise.mbpo.evaluate.YesNoResult;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.report.HtmlReport;
import org.equipoise.mbpo.report.LineChart;
import org.equipoise.mbpo.report.Precomputed;
import org.equipoise.mbpo.report.ReportData;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.report.Setting;
import org.equipoise.mbpo.report.SettingGroup;
import org.equipoise.mbpo.report.TextTable;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.torch.Equipoise;

/** Turns the stages' files into tables, figures and the HTML report. */
final class DemoReport {
  static final String CSV = "results.csv";
  static final String CURVES = "training-curves.csv";
  static final String HTML = "report.html";
  private static final String PRECOMPUTED = "/org/equipoise/mbpo/demo/precomputed.csv";
  private static final int SMOOTHED_STEPS = 20;
  private static final TypeReference<List<Map<String, Double>>> HISTORY = new TypeReference<>() {};

  private final DemoConfig config;

  DemoReport(DemoConfig config) {
    this.config = config;
  }

  void write(StageContext context) throws IOException {
    Map<Method, MethodResults> results = new EnumMap<>(Method.class);
    for (Method method : Method.values()) {
      results.put(
          method,
          Json.read(
              context.input(method.evaluationStage(), DemoPipeline.RESULTS), MethodResults.class));
    }
    List<ResultTable> tables = List.of(table(results, false), table(results, true));
    context.progress(0.7, "intervals computed");
    AtomicFiles.write(context.file(CSV), ResultCsv.format(tables));
    Map<String, List<Map<String, Double>>> histories = new LinkedHashMap<>();
    for (String stage : List.of("start", "train-hybrid", "train-sft", "train-dpo")) {
      histories.put(
          stage,
          Json.MAPPER.readValue(
              AtomicFiles.readText(context.input(stage, DemoPipeline.HISTORY)), HISTORY));
    }
    AtomicFiles.write(context.file(CURVES), curvesCsv(histories));
    Path store = context.input("mine", DemoPipeline.STORE);
    ReportData.Builder report =
        ReportData.builder("MBPO on composed emoji scenes", summary())
            .results(tables)
            .rankingCurves(rocs(results))
            .trainingCurves(curves(histories))
            .mining(
                List.of(
                    mining(
                        Json.read(context.input("mine", DemoPipeline.MINING), MiningReport.class))))
            .gallery(
                DemoGallery.items(
                    config,
                    store,
                    context.input("start", DemoPipeline.MODEL),
                    context.input("train-hybrid", DemoPipeline.MODEL)))
            .limits(limits())
            .settings(settings())
            .environment(environment());
    if (!config.scale().equals("full")) {
      report.caveat(
          "This is a "
              + config.scale()
              + " run: so little training on so little data claims nothing.");
    }
    Precomputed precomputed = precomputed();
    if (precomputed != null) {
      report.precomputed(precomputed);
    }
    HtmlReport.write(report.build(), context.file(HTML));
  }

  private ResultTable table(Map<Method, MethodResults> results, boolean heldOut) {
    Map<String, MethodResults> byTitle = new LinkedHashMap<>();
    Map<String, String> kinds = new LinkedHashMap<>();
    results.forEach(
        (method, found) -> {
          byTitle.put(method.title(), found);
          kinds.put(method.title(), method.kind());
          if (method == Method.START) {
            byTitle.put(Method.FITTED_START, found.withFittedThresholds());
            kinds.put(Method.FITTED_START, method.kind());
          }
        });
    return new ResultColumns(heldOut)
        .table(
            heldOut ? "Held-out pairs" : "Trained pairs",
            config.data().testItems()
                + " items a split, one seed; percentile bootstrap over items, 95 %, paired with"
                + " the start. "
                + (heldOut
                    ? "Preference data never asks for one of these beside the other."
                    : "Preference data asks for these."),
            Method.START.title(),
            Method.HYBRID.title(),
            byTitle,
            kinds,
            new Bootstrap(config.decoding().resamples(), config.seed()));
  }

  private static List<LineChart> rocs(Map<Method, MethodResults> results) {
    List<LineChart> charts = new ArrayList<>();
    for (boolean heldOut : new boolean[] {false, true}) {
      List<LineChart.Series> series = new ArrayList<>();
      for (Method method : List.of(Method.HYBRID, Method.GOLD_SFT, Method.DPO, Method.START)) {
        YesNoResult found =
            results
                .get(method)
                .yesNo()
                .get(MethodResults.key(MethodResults.TEST, EvaluationSplit.ADVERSARIAL, heldOut));
        List<YesNoResult.RocPoint> points = found.roc();
        series.add(
            new LineChart.Series(
                String.format(Locale.ROOT, "%s (AUC %.3f)", method.title(), found.auc()),
                points.stream().mapToDouble(YesNoResult.RocPoint::falsePositiveRate).toArray(),
                points.stream().mapToDouble(YesNoResult.RocPoint::truePositiveRate).toArray()));
      }
      charts.add(
          new LineChart(
              "Is the partner there? " + (heldOut ? "Held-out pairs" : "Trained pairs"),
              "Receiver operating characteristic of the log-odds of yes; the text alone gives the"
                  + " diagonal.",
              "share of absent partners called present",
              "share of present partners called present",
              LineChart.Frame.UNIT_SQUARE,
              series));
    }
    return charts;
  }

  private static List<LineChart> curves(Map<String, List<Map<String, Double>>> histories) {
    List<Map<String, Double>> hybrid = histories.get("train-hybrid");
    List<LineChart> charts = new ArrayList<>();
    charts.add(
        chart(
            "Start model",
            "Fine-tuning on biased scenes",
            "cross-entropy, nats per token",
            List.of(series("loss", histories.get("start"), "loss"))));
    charts.add(
        chart(
            "MBPO hybrid: chosen and rejected answers",
            "Mean log-prob per token of the offline pairs of each step",
            "log-prob, nats per token",
            List.of(
                series("chosen", hybrid, "chosen_log_prob"),
                series("rejected", hybrid, "rejected_log_prob"))));
    charts.add(
        chart(
            "MBPO hybrid: online answers",
            "Share of sampled answers that are right, and of groups without reward variance",
            "share",
            List.of(
                series("right", hybrid, "correct_share"),
                series("groups without variance", hybrid, "zero_variance_share"))));
    charts.add(
        chart(
            "MBPO hybrid: distance from the start",
            "k3 estimate of the KL divergence",
            "KL, nats per token",
            List.of(series("KL", hybrid, "kl"))));
    return charts;
  }

  private static LineChart chart(
      String title, String description, String unit, List<LineChart.Series> series) {
    return new LineChart(
        title,
        description + "; running mean over " + SMOOTHED_STEPS + " steps.",
        "optimiser step",
        unit,
        LineChart.Frame.FITTED,
        series);
  }

  private static LineChart.Series series(
      String name, List<Map<String, Double>> history, String value) {
    double[] x = new double[history.size()];
    double[] y = new double[history.size()];
    for (int i = 0; i < x.length; i++) {
      int from = Math.max(0, i + 1 - SMOOTHED_STEPS);
      x[i] = history.get(i).get("step");
      y[i] =
          history.subList(from, i + 1).stream()
              .mapToDouble(step -> step.getOrDefault(value, Double.NaN))
              .average()
              .orElse(Double.NaN);
    }
    return new LineChart.Series(name, x, y);
  }

  private static String curvesCsv(Map<String, List<Map<String, Double>>> histories) {
    StringBuilder text = new StringBuilder("stage,step,quantity,value\n");
    histories.forEach(
        (stage, history) -> {
          for (Map<String, Double> step : history) {
            step.forEach(
                (name, value) -> {
                  if (!name.equals("step")) {
                    text.append(stage)
                        .append(',')
                        .append(step.get("step").intValue())
                        .append(',')
                        .append(name)
                        .append(',')
                        .append(value)
                        .append('\n');
                  }
                });
          }
        });
    return text.toString();
  }

  private static TextTable mining(MiningReport report) {
    List<String> columns = new ArrayList<>(List.of("quantity", "all kinds"));
    TreeSet<String> kinds = new TreeSet<>(report.usableByKind().keySet());
    columns.addAll(kinds);
    List<String> usable = new ArrayList<>(List.of("usable pairs", report.usable() + ""));
    List<String> prior =
        new ArrayList<>(List.of("answers equal to the blind answer", share(report.priorShare())));
    for (String kind : kinds) {
      usable.add(report.usableByKind().get(kind) + "");
      prior.add(share(report.priorShareByKind().getOrDefault(kind, Double.NaN)));
    }
    return new TextTable(
        "Negatives from the " + report.source() + " source",
        String.format(
            Locale.ROOT,
            "%d samples tried, %s usable; the attack changes the gold answer's log-prob by %.2f"
                + " nats on average. Left out: %s.",
            report.samples(),
            share(report.usableShare()),
            report.meanDelta(),
            reasons(report)),
        columns,
        List.of(usable, prior));
  }

  private static String reasons(MiningReport report) {
    return report.droppedByReason().entrySet().stream()
        .map(
            entry ->
                entry.getKey().toString().toLowerCase(Locale.ROOT).replace('_', ' ')
                    + " "
                    + entry.getValue())
        .collect(Collectors.joining(", "));
  }

  private static String share(double value) {
    return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%.1f %%", 100 * value);
  }

  private String summary() {
    return "A small vision-language model is fine-tuned on scenes in which objects that go together"
        + " stand together, so that it answers from that prior. MBPO mines its own wrong answers to"
        + " attacked images and trains it to look. Everything was composed, trained and measured by"
        + " this run (scale: "
        + config.scale()
        + ", seed "
        + config.seed()
        + ").";
  }

  private static List<String> limits() {
    return List.of(
        "Composed emoji scenes of 32 pixels and a model of 176 thousand parameters: nothing here"
            + " speaks about photographs or large models.",
        "That the objective helps, rather than the data, is not shown: fine-tuning on the same gold"
            + " answers is the control.",
        "Twins, the log-prob floor and the weight of online advantages are ours, not the paper's.",
        "With one update per iteration the ratio is 1 and the clip is inert.",
        "DPO and fine-tuning ran with one setting each; equal are the pairs and the sequences"
            + " seen.",
        "The intervals are over items of one seed; the table over several seeds stands apart.");
  }

  private List<SettingGroup> settings() {
    return List.of(
        SettingGroup.of("Data", config.data()),
        SettingGroup.of("Vision alignment", config.alignment()),
        SettingGroup.of("Start model", config.start()),
        SettingGroup.of("Mining", config.mining()),
        SettingGroup.of("MBPO hybrid", config.hybrid()),
        SettingGroup.of("SFT on gold answers", config.goldFineTuning()),
        SettingGroup.of("DPO", config.dpo()),
        SettingGroup.of("Decoding and evaluation", config.decoding()));
  }

  private List<Setting> environment() {
    List<Setting> settings = new ArrayList<>();
    settings.add(Setting.of("seed", config.seed()));
    settings.add(Setting.of("Java", System.getProperty("java.version")));
    settings.add(
        Setting.of(
            "machine",
            System.getProperty("os.name")
                + " "
                + System.getProperty("os.arch")
                + ", "
                + Runtime.getRuntime().availableProcessors()
                + " processors"));
    for (String line : Equipoise.info().split("\n")) {
      int colon = line.indexOf(": ");
      if (colon > 0) {
        settings.add(Setting.of(line.substring(0, colon), line.substring(colon + 2)));
      }
    }
    return settings;
  }

  private static Precomputed precomputed() {
    try (InputStream stream = DemoReport.class.getResourceAsStream(PRECOMPUTED)) {
      if (stream == null) {
        return null;
      }
      List<ResultTable> tables =
          ResultCsv.parse(PRECOMPUTED, new String(stream.readAllBytes(), StandardCharsets.UTF_8));
      return new Precomputed(tables.get(0).note(), tables);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + PRECOMPUTED, e);
    }
  }
}
