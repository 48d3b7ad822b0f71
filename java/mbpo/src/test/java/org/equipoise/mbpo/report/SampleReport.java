package org.equipoise.mbpo.report;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;

/** Made-up data that fill every section of a report. */
final class SampleReport {
  static final Metric AUC =
      Metric.higherIsBetter(
              "auc_adv",
              "AUC, trap questions",
              "Telling present objects from absent ones on trap questions (AUC)")
          .withHeadline(true);
  static final Metric CHAIR =
      Metric.lowerIsBetter(
              "chair_s", "CHAIR s", "Captions that name at least one object that is not there")
          .withHeadline(true);
  static final Metric RECALL =
      Metric.higherIsBetter("recall", "Caption recall", "Objects in the image that captions name")
          .withHeadline(true);
  static final Metric YES =
      Metric.shown("yes_ratio", "Yes-ratio", "Share of questions answered with yes")
          .withDecimals(2);

  private SampleReport() {}

  static ReportData full() {
    return ReportData.builder(
            "MBPO on composed emoji scenes",
            "A small model was trained on scenes with a strong language prior, then balanced."
                + " Made-up data for tests.")
        .results(List.of(table("Trained pairs"), table("Held-out pairs")))
        .details(
            List.of(
                new TextTable(
                    "Accuracy by gold label",
                    "",
                    List.of("Method", "gold yes", "gold no"),
                    List.of(List.of("start", "0.98", "0.31"), List.of("MBPO", "0.87", "0.85")))))
        .rankingCurves(
            List.of(roc("Trap questions, trained pairs"), roc("Trap questions, held-out pairs")))
        .trainingCurves(
            List.of(curve("Loss", 1.2), curve("Image information gain (nats per word)", 4)))
        .mining(
            List.of(
                new TextTable(
                    "Sources of negatives",
                    "Prior-share: equal to the answer without image.",
                    List.of("Source", "Usable", "Prior-share", "Δ log-prob"),
                    List.of(
                        List.of("adversarial", "0.95", "0.45", "−6.1"),
                        List.of("blank image", "0.86", "1.00", "−4.0")))))
        .gallery(
            List.of(
                item("there is dog . is there bone also ?"),
                item("describe ."),
                item("what is with bee ?")))
        .limits(List.of("One seed.", "Twins, floor and the weight 0.5 are ours, not the paper's."))
        .settings(
            List.of(
                new SettingGroup(
                    "Negative mining",
                    List.of(
                        Setting.of("ε", "16/255", "not published by the paper; ours"),
                        Setting.of("steps", 8)))))
        .environment(
            SettingGroup.environment(
                List.of(Setting.of("seed", 20), Setting.of("commit", "0123abc"))))
        .precomputed(
            new Precomputed(
                "Five seeds at commit 0123abc with demo --seed 20..24.",
                List.of(table("Five seeds"))))
        .build();
  }

  static ResultTable table(String title) {
    return new ResultTable(
        title,
        "1000 items a split, one seed; bootstrap over items.",
        "start",
        "MBPO",
        List.of(AUC, CHAIR, RECALL, YES),
        List.of(
            row("start", "no training", null, .838, .623, .731, .71),
            row(
                "start + blind-contrast decoding",
                "no training",
                new double[] {.007, -.149, .049, -.1},
                .845,
                .474,
                .780,
                .6),
            row(
                "SFT on the same gold answers",
                "trained",
                new double[] {.096, -.44, .176, -.2},
                .934,
                .183,
                .907,
                .5),
            row("DPO", "trained", new double[] {.085, -.301, .08, -.2}, .923, .322, .811, .5),
            row("MBPO", "trained", new double[] {.106, -.378, .015, -.2}, .944, .245, .746, .5)));
  }

  private static ResultTable.Row row(
      String method, String kind, double[] difference, double... values) {
    List<Metric> metrics = List.of(AUC, CHAIR, RECALL, YES);
    Map<String, Measurement> cells = new LinkedHashMap<>();
    for (int i = 0; i < values.length; i++) {
      cells.put(
          metrics.get(i).id(),
          new Measurement(
              around(values[i], .02), difference == null ? null : around(difference[i], .025)));
    }
    return new ResultTable.Row(method, kind, cells);
  }

  private static Interval around(double value, double half) {
    return new Interval(value, value - half, value + half);
  }

  private static LineChart roc(String title) {
    return new LineChart(
        title,
        "Share of present objects found against share of absent objects claimed; dotted: guessing.",
        "absent objects claimed",
        "present objects found",
        LineChart.Frame.UNIT_SQUARE,
        List.of(
            power("MBPO (AUC 0.944)", .08),
            power("start (AUC 0.838)", .2),
            power("SFT (AUC 0.934)", .1)));
  }

  private static LineChart.Series power(String name, double exponent) {
    double[] x = new double[101];
    double[] y = new double[101];
    for (int i = 0; i <= 100; i++) {
      x[i] = i / 100.0;
      y[i] = Math.pow(x[i], exponent);
    }
    return new LineChart.Series(name, x, y);
  }

  private static LineChart curve(String title, double scale) {
    double[] x = new double[200];
    double[] y = new double[200];
    for (int i = 0; i < 200; i++) {
      x[i] = 3 * i;
      y[i] = scale * Math.exp(-i / 60.0) + .1 * scale * Math.sin(i);
    }
    return new LineChart(
        title,
        "Over the iterations of each method.",
        "iteration",
        title,
        LineChart.Frame.FITTED,
        List.of(new LineChart.Series("MBPO", x, y)));
  }

  static GalleryItem item(String question) {
    return new GalleryItem(
        question,
        "no",
        png(Color.ORANGE),
        png(Color.PINK),
        png(Color.GRAY),
        8,
        "L∞ 16/255, 8 steps",
        List.of(
            new GalleryItem.Answer("before, clean image", "no", GalleryItem.Outcome.CORRECT),
            new GalleryItem.Answer(
                "before, perturbed image (rejected)", "yes", GalleryItem.Outcome.WRONG),
            new GalleryItem.Answer(
                "after, clean image", "dog left of bone", GalleryItem.Outcome.UNJUDGED)),
        List.of(
            Setting.of("log p(right | clean)", "−0.31"),
            Setting.of("log p(right | perturbed)", "−4.02")));
  }

  private static byte[] png(Color color) {
    BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 32; y++) {
      for (int x = 0; x < 32; x++) {
        image.setRGB(x, y, (x / 8 + y / 8) % 2 == 0 ? color.getRGB() : color.darker().getRGB());
      }
    }
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ImageIO.write(image, "png", bytes);
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
