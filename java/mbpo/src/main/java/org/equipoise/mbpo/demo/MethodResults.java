package org.equipoise.mbpo.demo;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleConsumer;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.demo.task.EvaluationSplit;
import org.equipoise.mbpo.demo.task.QuestionKind;
import org.equipoise.mbpo.demo.task.SceneData;
import org.equipoise.mbpo.evaluate.AnswerLogProbResult;
import org.equipoise.mbpo.evaluate.CaptionResult;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.evaluate.Evaluator;
import org.equipoise.mbpo.evaluate.MultipleChoiceResult;
import org.equipoise.mbpo.evaluate.ObjectVocabulary;
import org.equipoise.mbpo.evaluate.YesNoResult;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.MultimodalModel;

/**
 * One method's answers to every split, item by item. Keys are those of {@link #key}.
 *
 * @param yesNo yes/no and existence splits
 * @param multipleChoice multiple-choice splits
 * @param captions caption splits
 * @param answerLogProbs gold answers of the splits where prior and picture disagree; empty when
 *     decoding is contrastive, which has no log-prob of its own
 */
public record MethodResults(
    Map<String, YesNoResult> yesNo,
    Map<String, MultipleChoiceResult> multipleChoice,
    Map<String, CaptionResult> captions,
    Map<String, AnswerLogProbResult> answerLogProbs) {

  static final String DEVELOPMENT = "development";
  static final String TEST = "test";

  static String key(String stage, EvaluationSplit split, boolean heldOut) {
    return stage + "-" + split.id() + (heldOut ? "-held-out" : "-trained");
  }

  /**
   * Measures a model on the test splits.
   *
   * @param development also on the development splits of yes/no questions, on which thresholds are
   *     fitted
   */
  static MethodResults measure(
      MultimodalModel model,
      double contrastAlpha,
      boolean development,
      DemoConfig config,
      SceneData data,
      DoubleConsumer progress) {
    GenerationOptions generation =
        GenerationOptions.greedy().withMaxNewTokens(DemoConfig.MAX_NEW_TOKENS);
    Evaluator evaluator =
        new Evaluator(
            model,
            EvaluationOptions.defaults()
                .withBatchSize(config.decoding().batchSize())
                .withGeneration(
                    contrastAlpha > 0 ? generation.withContrastAlpha(contrastAlpha) : generation));
    ObjectVocabulary objects =
        ObjectVocabulary.of(SceneObject.all().stream().map(SceneObject::word).toList());
    MethodResults results =
        new MethodResults(
            new LinkedHashMap<>(),
            new LinkedHashMap<>(),
            new LinkedHashMap<>(),
            new LinkedHashMap<>());
    EvaluationSplit[] splits = EvaluationSplit.values();
    for (int i = 0; i < splits.length; i++) {
      EvaluationSplit split = splits[i];
      boolean yesNo = split.kind() == QuestionKind.YES_NO || split.kind() == QuestionKind.EXISTENCE;
      if (yesNo && development) {
        results
            .yesNo()
            .put(
                key(DEVELOPMENT, split, false),
                evaluator.yesNo(
                    data.evaluation(DEVELOPMENT, split, false, config.data().developmentItems())));
      }
      for (boolean heldOut : new boolean[] {false, true}) {
        var samples = data.evaluation(TEST, split, heldOut, config.data().testItems());
        String key = key(TEST, split, heldOut);
        switch (split.kind()) {
          case YES_NO, EXISTENCE -> results.yesNo().put(key, evaluator.yesNo(samples));
          case MULTIPLE_CHOICE ->
              results.multipleChoice().put(key, evaluator.multipleChoice(samples));
          case CAPTION -> results.captions().put(key, evaluator.captions(samples, objects));
        }
        if (contrastAlpha == 0 && split.contradictsPrior()) {
          results.answerLogProbs().put(key, evaluator.answerLogProbs(samples));
        }
      }
      progress.accept((i + 1.0) / splits.length);
    }
    return results;
  }

  /**
   * Needs development items. The same yes/no answers by thresholds on the log-odds, one per
   * question kind, fitted on this method's development items; nothing else changes, so nothing else
   * is listed.
   */
  MethodResults withFittedThresholds() {
    Map<String, YesNoResult> moved = new LinkedHashMap<>();
    for (QuestionKind kind : new QuestionKind[] {QuestionKind.YES_NO, QuestionKind.EXISTENCE}) {
      var development =
          EvaluationSplit.of(kind).stream()
              .flatMap(split -> yesNo.get(key(DEVELOPMENT, split, false)).items().stream())
              .toList();
      double threshold = new YesNoResult(development).fitThreshold();
      for (EvaluationSplit split : EvaluationSplit.of(kind)) {
        for (boolean heldOut : new boolean[] {false, true}) {
          String key = key(TEST, split, heldOut);
          moved.put(key, yesNo.get(key).atThreshold(threshold));
        }
      }
    }
    return new MethodResults(moved, Map.of(), Map.of(), Map.of());
  }
}
