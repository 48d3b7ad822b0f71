package org.equipoise.mbpo.demo;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.equipoise.mbpo.demo.task.EvaluationSplit;
import org.equipoise.mbpo.evaluate.Bootstrap;
import org.equipoise.mbpo.evaluate.YesNoResult;
import org.equipoise.mbpo.report.HtmlReport;
import org.equipoise.mbpo.report.LineChart;
import org.equipoise.mbpo.report.Precomputed;
import org.equipoise.mbpo.report.ReportData;
import org.equipoise.mbpo.report.ReportDataBuilder;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.report.Setting;
import org.equipoise.mbpo.report.SettingGroup;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.torch.Equipoise;
import org.jspecify.annotations.Nullable;

/** Turns the stages' files into tables, figures and the HTML report. */
final class DemoReport {
  static final String CSV = "results.csv";
  static final String CURVES = "training-curves.csv";
  static final String HTML = "report.html";
  private static final String PRECOMPUTED = "/org/equipoise/mbpo/demo/precomputed.csv";
  private static final int SMOOTHED_STEPS = 20;
  private static final TypeReference<List<Map<String, Double>>> HISTORY = new TypeReference<>() {};

  private final DemoConfig config;

  private final DemoPlan plan;

  DemoReport(DemoConfig config, DemoPlan plan) {
    this.config = config;
    this.plan = plan;
  }

  void write(StageContext context) throws IOException {
    Map<Method, MethodResults> results = new LinkedHashMap<>();
    for (Method method : plan.methods()) {
      results.put(
          method,
          Json.read(
              context.input(method.evaluationStage(), DemoPipeline.RESULTS), MethodResults.class));
    }
    List<ResultTable> tables = new ArrayList<>();
    plan.tables().forEach((title, methods) -> tables.add(table(title, methods, results)));
    context.progress(0.7, "intervals computed");
    AtomicFiles.write(context.file(CSV), ResultCsv.format(tables));
    Map<String, List<Map<String, Double>>> histories = new LinkedHashMap<>();
    List<String> trained = new ArrayList<>(List.of("start"));
    plan.trainings().forEach(training -> trained.add(training.id()));
    for (String stage : trained) {
      histories.put(
          stage,
          Json.MAPPER.readValue(
              AtomicFiles.readText(context.input(stage, DemoPipeline.HISTORY)), HISTORY));
    }
    AtomicFiles.write(context.file(CURVES), curvesCsv(histories));
    Map<PairMining, MiningQuality> qualities = new LinkedHashMap<>();
    for (PairMining mining : plan.minings()) {
      qualities.put(
          mining, Json.read(context.input(mining.id(), DemoPipeline.MINING), MiningQuality.class));
    }
    ReportDataBuilder report =
        ReportData.builder("MBPO on composed emoji scenes", summary(qualities))
            .results(tables)
            .trainingCurves(curves(histories))
            .mining(MiningTables.of(qualities))
            .limits(limits())
            .settings(settings())
            .environment(SettingGroup.environment(environment()));
    if (plan.tables().containsKey(DemoPlan.TRAINED)) {
      report
          .rankingCurves(rocs(results))
          .gallery(
              DemoGallery.items(
                  config,
                  context.input(DemoPlan.MINE, DemoPipeline.STORE),
                  context.input("start", DemoPipeline.MODEL),
                  context.input("train-hybrid", DemoPipeline.MODEL)));
    }
    if (!config.scale().equals("full")) {
      report.caveat(
          "This is a "
              + config.scale()
              + " run: so little training on so little data claims nothing.");
    }
    Precomputed precomputed = precomputed();
    if (precomputed != null && plan.tables().containsKey(DemoPlan.TRAINED)) {
      report.precomputed(precomputed);
    }
    HtmlReport.write(report.build(), context.file(HTML));
  }

  private ResultTable table(
      String title, List<Method> methods, Map<Method, MethodResults> results) {
    boolean heldOut = DemoPlan.heldOut(title);
    boolean judged = title.equals(DemoPlan.TRAINED) || title.equals(DemoPlan.HELD_OUT);
    Map<String, MethodResults> byTitle = new LinkedHashMap<>();
    Map<String, String> kinds = new LinkedHashMap<>();
    for (Method method : methods) {
      byTitle.put(method.title(), results.get(method));
      kinds.put(method.title(), method.kind());
      if (judged && method.equals(DemoPlan.START)) {
        byTitle.put(DemoPlan.FITTED_START, results.get(method).withFittedThresholds());
        kinds.put(DemoPlan.FITTED_START, method.kind());
      }
    }
    String reference = DemoPlan.START.title();
    String subject = judged ? DemoPlan.HYBRID : null;
    String meaning =
        heldOut
            ? "Preference data never asks for one of these beside the other."
            : "Preference data asks for these.";
    if (title.equals(DemoPlan.AGAINST_GOLD)) {
      reference = DemoPlan.GOLD;
      subject = DemoPlan.HYBRID;
      meaning = "The same models as above. Here all chosen answers are right.";
    } else if (title.equals(DemoPlan.BIASED)) {
      reference = DemoPlan.GOLD_ON_MISTAKES;
      subject = DemoPlan.HYBRID_ON_MISTAKES;
      meaning =
          "Some chosen answers are what the prior says where the picture says otherwise. Online"
              + " answers are checked by the program, which fine-tuning cannot use.";
    } else if (title.equals(DemoPlan.ABLATION) || title.equals(DemoPlan.ABLATION_HELD_OUT)) {
      reference = DemoPlan.HYBRID;
      meaning = "A mark says what a run is without that part against the whole. " + meaning;
    }
    return new ResultColumns(heldOut)
        .table(
            title,
            config.data().testItems()
                + " items a split, one seed; percentile bootstrap over items, 95 %, paired with "
                + reference
                + ". "
                + meaning,
            reference,
            subject,
            byTitle,
            kinds,
            new Bootstrap(config.decoding().resamples(), config.seed()));
  }

  private Method method(String title) {
    return plan.methods().stream().filter(m -> m.title().equals(title)).findFirst().orElseThrow();
  }

  private List<LineChart> rocs(Map<Method, MethodResults> results) {
    List<LineChart> charts = new ArrayList<>();
    for (boolean heldOut : new boolean[] {false, true}) {
      List<LineChart.Series> series = new ArrayList<>();
      for (String title : List.of(DemoPlan.HYBRID, DemoPlan.GOLD, DemoPlan.DPO, "Start")) {
        YesNoResult found =
            results
                .get(method(title))
                .yesNo()
                .get(MethodResults.key(MethodResults.TEST, EvaluationSplit.ADVERSARIAL, heldOut));
        List<YesNoResult.RocPoint> points = found.roc();
        series.add(
            new LineChart.Series(
                String.format(Locale.ROOT, "%s (AUC %.3f)", title, found.auc()),
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

  private List<LineChart> curves(Map<String, List<Map<String, Double>>> histories) {
    List<LineChart> charts = new ArrayList<>();
    charts.add(
        chart(
            "Start model",
            "Fine-tuning on biased scenes",
            "cross-entropy, nats per token",
            List.of(series("loss", histories.get("start"), "loss"))));
    List<Map<String, Double>> hybrid = histories.get("train-hybrid");
    if (hybrid == null) {
      return charts;
    }
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

  private String summary(Map<PairMining, MiningQuality> qualities) {
    return "A small vision-language model is fine-tuned on scenes in which objects that go together"
        + " stand together, so that it answers from that prior. MBPO mines its own wrong answers to"
        + " attacked images and trains it to look. Everything was composed, trained and measured by"
        + " this run (scale: "
        + config.scale()
        + ", seed "
        + config.seed()
        + ")."
        + qualities.values().stream()
            .filter(quality -> quality.mistakenShare() > 0)
            .findFirst()
            .map(
                quality ->
                    String.format(
                        Locale.ROOT,
                        " Of the biased annotator's answers that are trained on, %.0f %% are"
                            + " wrong.",
                        100 * quality.mistakenShare()))
            .orElse("");
  }

  private static List<String> limits() {
    return List.of(
        "Composed emoji scenes of 32 pixels and a model of 176 thousand parameters: nothing here"
            + " speaks about photographs or large models.",
        "Where all chosen answers are right, that the objective helps, rather than the data, is not"
            + " shown: fine-tuning on the same answers is the control.",
        "Ours, not the paper's: twins, the log-prob floor, fewer rejected than chosen answers, and"
            + " no KL on rejected answers.",
        "With one update per iteration the ratio is 1 and the clip is inert.",
        "Equal for all trainers are the pairs, the answers seen in a step and the learning rates"
            + " from which each got its own on development seeds. MBPO alone uses questions of"
            + " other scenes, whose answers a program checks.",
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
        SettingGroup.of("DPO, negatives by diffusion noise", config.dpoDiffusion()),
        SettingGroup.of("DPO, negatives by blank images", config.dpoBlank()),
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

  private static @Nullable Precomputed precomputed() {
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
