package org.equipoise.mbpo.command;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.evaluate.Bootstrap;
import org.equipoise.mbpo.evaluate.CaptionResult;
import org.equipoise.mbpo.evaluate.EvaluatedItem;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.evaluate.Evaluator;
import org.equipoise.mbpo.evaluate.MultipleChoiceResult;
import org.equipoise.mbpo.evaluate.ObjectVocabulary;
import org.equipoise.mbpo.evaluate.Statistic;
import org.equipoise.mbpo.evaluate.YesNoItem;
import org.equipoise.mbpo.evaluate.YesNoResult;
import org.equipoise.mbpo.image.BlindImages;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.report.Measurement;
import org.equipoise.mbpo.report.Metric;
import org.equipoise.mbpo.report.ResultTable;

/**
 * A model's answers with the images beside those with blind images of the same size: what the
 * second row reaches is guessed from the text, and the difference is what the images are good for.
 */
final class SightTables {
  private static final String SEEING = "with the image";
  private static final String BLIND = "blind";
  private static final String NOTE =
      " Differences are to the blind row, which guesses from the text; the intervals of 95 % are"
          + " over the items.";

  private final MultimodalModel model;
  private final Evaluator evaluator;

  SightTables(MultimodalModel model, EvaluationOptions options) {
    this.model = model;
    this.evaluator = new Evaluator(model, options);
  }

  /** A column: how it is called and computed. */
  private record Column<T>(Metric metric, Statistic<T> statistic) {}

  /**
   * Question by question, and where an image has several, also all of an image's together, as MME
   * counts it.
   */
  List<ResultTable> yesNo(List<Sample> samples) {
    List<YesNoItem> seeing = evaluator.yesNo(samples).items();
    List<YesNoItem> blind = evaluator.yesNo(blind(samples)).items();
    List<ImageItem> seeingImages = byImage(samples, seeing);
    ResultTable questions = questions(seeing, blind);
    return seeingImages.size() == samples.size()
        ? List.of(questions)
        : List.of(questions, wholeImages(seeingImages, byImage(samples, blind)));
  }

  private static ResultTable questions(List<YesNoItem> seeing, List<YesNoItem> blind) {
    return table(
        "Yes or no",
        seeing.size() + " questions.",
        seeing,
        blind,
        List.of(
            new Column<>(
                Metric.higherIsBetter("accuracy", "Accuracy", "share of right answers"),
                YesNoResult.ACCURACY),
            new Column<>(
                Metric.higherIsBetter("precision", "Precision", "right among answers of yes"),
                YesNoResult.PRECISION),
            new Column<>(
                Metric.higherIsBetter("recall", "Recall", "answered yes where yes is right"),
                YesNoResult.ACCURACY_GOLD_YES),
            new Column<>(
                Metric.higherIsBetter("f1", "F1", "harmonic mean of precision and recall"),
                YesNoResult.F1),
            new Column<>(
                Metric.higherIsBetter("auc", "AUC", "ranking of yes against no by log-odds"),
                YesNoResult.AUC),
            new Column<>(
                Metric.shown("yes_ratio", "Yes ratio", "share of answers of yes"),
                YesNoResult.YES_RATIO),
            new Column<>(
                Metric.lowerIsBetter("unreadable", "Unreadable", "answers of neither or both"),
                YesNoResult.UNREADABLE)));
  }

  private static ResultTable wholeImages(List<ImageItem> seeing, List<ImageItem> blind) {
    return table(
        "All questions about an image",
        seeing.size() + " images.",
        seeing,
        blind,
        List.of(
            new Column<>(
                Metric.higherIsBetter(
                    "accuracy_plus", "Accuracy+", "images with every question right"),
                Statistic.mean(item -> item.right ? 1 : 0))));
  }

  private record ImageItem(String id, boolean right) implements EvaluatedItem {}

  private static List<ImageItem> byImage(List<Sample> samples, List<YesNoItem> items) {
    Map<String, Boolean> right = new LinkedHashMap<>();
    for (int i = 0; i < items.size(); i++) {
      right.merge(samples.get(i).images().toString(), items.get(i).correct(), Boolean::logicalAnd);
    }
    return right.entrySet().stream()
        .map(image -> new ImageItem(image.getKey(), image.getValue()))
        .toList();
  }

  ResultTable multipleChoice(List<Sample> samples) {
    return table(
        "Multiple choice",
        samples.size() + " questions.",
        evaluator.multipleChoice(samples).items(),
        evaluator.multipleChoice(blind(samples)).items(),
        List.of(
            new Column<>(
                Metric.higherIsBetter("choice", "Accuracy", "share of right answers"),
                MultipleChoiceResult.ACCURACY),
            new Column<>(
                Metric.higherIsBetter(
                    "choice_ranked", "Ranked", "right option has the highest log-prob"),
                MultipleChoiceResult.ACCURACY_AMONG_OPTIONS)));
  }

  ResultTable captions(List<Sample> samples) {
    List<String> objects =
        samples.stream().flatMap(sample -> sample.objects().stream()).distinct().sorted().toList();
    ObjectVocabulary vocabulary = ObjectVocabulary.of(objects);
    return table(
        "Captions",
        samples.size() + " captions, " + objects.size() + " kinds of objects.",
        evaluator.captions(samples, vocabulary).items(),
        evaluator.captions(blind(samples), vocabulary).items(),
        List.of(
            new Column<>(
                Metric.lowerIsBetter("chair_s", "CHAIR-s", "captions with an invented object"),
                CaptionResult.CHAIR_SENTENCE),
            new Column<>(
                Metric.lowerIsBetter("chair_i", "CHAIR-i", "invented among mentioned objects"),
                CaptionResult.CHAIR_INSTANCE),
            new Column<>(
                Metric.higherIsBetter("object_recall", "Recall", "objects that are mentioned"),
                CaptionResult.RECALL),
            new Column<>(
                Metric.shown("caption_words", "Words", "mean length"), CaptionResult.LENGTH)));
  }

  private List<Sample> blind(List<Sample> samples) {
    return samples.stream()
        .map(
            sample ->
                sample.withImages(
                    sample.images().stream()
                        .map(
                            image ->
                                (ImageSource)
                                    () ->
                                        BlindImages.like(
                                            model.imageProcessor().resize(image.load()),
                                            model.imageProcessor()))
                        .toList()))
        .toList();
  }

  private static <T extends EvaluatedItem> ResultTable table(
      String title, String note, List<T> seeing, List<T> blind, List<Column<T>> columns) {
    Bootstrap bootstrap = Bootstrap.defaults();
    Map<String, Measurement> first = new LinkedHashMap<>();
    Map<String, Measurement> second = new LinkedHashMap<>();
    List<Metric> metrics = new ArrayList<>();
    for (Column<T> column : columns) {
      // The console shows and the verdict names them all.
      metrics.add(column.metric.withHeadline(true));
      first.put(
          column.metric.id(),
          new Measurement(
              bootstrap.interval(seeing, column.statistic),
              bootstrap.pairedDifference(blind, seeing, column.statistic)));
      second.put(
          column.metric.id(), new Measurement(bootstrap.interval(blind, column.statistic), null));
    }
    return new ResultTable(
        title,
        note + NOTE,
        BLIND,
        SEEING,
        metrics,
        List.of(new ResultTable.Row(SEEING, "", first), new ResultTable.Row(BLIND, "", second)));
  }
}
