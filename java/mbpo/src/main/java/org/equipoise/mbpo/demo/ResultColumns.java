package org.equipoise.mbpo.demo;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.equipoise.mbpo.demo.task.EvaluationSplit;
import org.equipoise.mbpo.evaluate.AnswerLogProbResult;
import org.equipoise.mbpo.evaluate.Bootstrap;
import org.equipoise.mbpo.evaluate.CaptionResult;
import org.equipoise.mbpo.evaluate.EvaluatedItem;
import org.equipoise.mbpo.evaluate.MultipleChoiceResult;
import org.equipoise.mbpo.evaluate.Statistic;
import org.equipoise.mbpo.evaluate.YesNoItem;
import org.equipoise.mbpo.evaluate.YesNoResult;
import org.equipoise.mbpo.report.Measurement;
import org.equipoise.mbpo.report.Metric;
import org.equipoise.mbpo.report.ResultTable;
import org.jspecify.annotations.Nullable;

/** The columns of the result tables: which statistic of which split. */
final class ResultColumns {

  /** One column: a statistic of a method's items; {@code items} gives null where there are none. */
  private record Column<T extends EvaluatedItem>(
      Metric metric, Function<MethodResults, List<T>> items, Statistic<T> statistic) {

    @Nullable Measurement measure(
        MethodResults reference, MethodResults method, Bootstrap bootstrap) {
      List<T> own = items.apply(method);
      if (own == null) {
        return null;
      }
      return new Measurement(
          bootstrap.interval(own, statistic),
          reference == method
              ? null
              : bootstrap.pairedDifference(items.apply(reference), own, statistic));
    }
  }

  private final boolean heldOut;
  private final List<Column<?>> columns = new ArrayList<>();

  ResultColumns(boolean heldOut) {
    this.heldOut = heldOut;
    yesNo(
        Metric.higherIsBetter(
                "adv_auc",
                "AUC trap",
                "Telling present from absent partners where the text has no answer (AUC)")
            .withHeadline(true),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.AUC);
    yesNo(
        Metric.higherIsBetter(
                "adv_accuracy", "accuracy trap", "Right yes/no answers about partners")
            .withHeadline(true),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.ACCURACY);
    yesNo(
        Metric.higherIsBetter("adv_f1", "F1 trap", "F1 of yes about partners"),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.F1);
    yesNo(
        Metric.shown("adv_yes", "yes-ratio trap", "Share of partner questions answered yes"),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.YES_RATIO);
    yesNo(
        Metric.higherIsBetter(
            "adv_gold_yes", "right if yes, trap", "Right answers where the partner is there"),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.ACCURACY_GOLD_YES);
    yesNo(
        Metric.higherIsBetter(
            "adv_gold_no", "right if no, trap", "Right answers where the partner is absent"),
        EvaluationSplit.ADVERSARIAL,
        YesNoResult.ACCURACY_GOLD_NO);
    yesNo(
        Metric.higherIsBetter(
                "rnd_auc", "AUC random", "Telling present from absent random objects (AUC)")
            .withHeadline(true),
        EvaluationSplit.RANDOM,
        YesNoResult.AUC);
    yesNo(
        Metric.higherIsBetter(
            "rnd_accuracy", "accuracy random", "Right yes/no answers about random objects"),
        EvaluationSplit.RANDOM,
        YesNoResult.ACCURACY);
    yesNo(
        Metric.shown("rnd_yes", "yes-ratio random", "Share of random questions answered yes"),
        EvaluationSplit.RANDOM,
        YesNoResult.YES_RATIO);
    yesNo(
        Metric.higherIsBetter("ex_auc", "AUC exists", "Is an object there at all (AUC)")
            .withHeadline(true),
        EvaluationSplit.EXISTENCE,
        YesNoResult.AUC);
    yesNo(
        Metric.higherIsBetter("ex_accuracy", "accuracy exists", "Right answers about existence"),
        EvaluationSplit.EXISTENCE,
        YesNoResult.ACCURACY);
    yesNo(
        Metric.higherIsBetter(
            "exadv_auc", "AUC exists, trap", "Is an object there, or the partner of one (AUC)"),
        EvaluationSplit.EXISTENCE_ADVERSARIAL,
        YesNoResult.AUC);
    multipleChoice(
        Metric.higherIsBetter("mc", "choice", "Right choices among four options")
            .withHeadline(true),
        EvaluationSplit.MULTIPLE_CHOICE);
    multipleChoice(
        Metric.higherIsBetter(
                "mcadv", "choice trap", "Right choices where the absent partner is offered")
            .withHeadline(true),
        EvaluationSplit.MULTIPLE_CHOICE_ADVERSARIAL);
    caption(
        Metric.lowerIsBetter("chair_s", "CHAIR_s", "Captions that name an absent object")
            .withHeadline(true),
        CaptionResult.CHAIR_SENTENCE);
    caption(
        Metric.lowerIsBetter("chair_i", "CHAIR_i", "Named objects that are absent"),
        CaptionResult.CHAIR_INSTANCE);
    caption(
        Metric.higherIsBetter("recall", "recall", "Objects of the scene that captions name")
            .withHeadline(true),
        CaptionResult.RECALL);
    caption(
        Metric.shown("length", "words", "Words per caption").withDecimals(2), CaptionResult.LENGTH);
    logProb(
        Metric.higherIsBetter(
            "log_prob_image", "log p image", "Log-prob of gold answers given the image, per token"),
        AnswerLogProbResult.IMAGE);
    logProb(
        Metric.shown(
            "log_prob_blind", "log p blind", "Log-prob of gold answers given a blank image"),
        AnswerLogProbResult.BLIND);
  }

  /**
   * A table of all methods.
   *
   * @param results by method name, the reference first
   * @param kinds method name to its kind
   */
  ResultTable table(
      String title,
      String note,
      String reference,
      String subject,
      Map<String, MethodResults> results,
      Map<String, String> kinds,
      Bootstrap bootstrap) {
    MethodResults start = results.get(reference);
    List<ResultTable.Row> rows =
        results.entrySet().parallelStream()
            .map(
                entry ->
                    new ResultTable.Row(
                        entry.getKey(),
                        kinds.get(entry.getKey()),
                        cells(start, entry.getValue(), bootstrap)))
            .toList();
    return new ResultTable(
        title, note, reference, subject, columns.stream().map(Column::metric).toList(), rows);
  }

  private Map<String, Measurement> cells(
      MethodResults start, MethodResults method, Bootstrap bootstrap) {
    Map<String, Measurement> cells = new LinkedHashMap<>();
    for (Column<?> column : columns) {
      Measurement cell = column.measure(start, method, bootstrap);
      if (cell != null) {
        cells.put(column.metric().id(), cell);
      }
    }
    return cells;
  }

  private String key(EvaluationSplit split) {
    return MethodResults.key(MethodResults.TEST, split, heldOut);
  }

  private void yesNo(Metric metric, EvaluationSplit split, Statistic<YesNoItem> statistic) {
    columns.add(
        new Column<>(
            metric,
            results -> {
              YesNoResult found = results.yesNo().get(key(split));
              return found == null ? null : found.items();
            },
            statistic));
  }

  private void multipleChoice(Metric metric, EvaluationSplit split) {
    columns.add(
        new Column<>(
            metric,
            results -> {
              MultipleChoiceResult found = results.multipleChoice().get(key(split));
              return found == null ? null : found.items();
            },
            MultipleChoiceResult.ACCURACY_AMONG_OPTIONS));
  }

  private void caption(Metric metric, Statistic<CaptionResult.Item> statistic) {
    columns.add(
        new Column<>(
            metric,
            results -> {
              CaptionResult found = results.captions().get(key(EvaluationSplit.CAPTION));
              return found == null ? null : found.items();
            },
            statistic));
  }

  /** Over all splits whose log-probs were measured. */
  private void logProb(Metric metric, Statistic<AnswerLogProbResult.Item> statistic) {
    columns.add(
        new Column<>(
            metric,
            results -> {
              List<AnswerLogProbResult.Item> items = new ArrayList<>();
              for (EvaluationSplit split : EvaluationSplit.values()) {
                AnswerLogProbResult found = results.answerLogProbs().get(key(split));
                if (found != null) {
                  items.addAll(found.items());
                }
              }
              return items.isEmpty() ? null : items;
            },
            statistic));
  }
}
