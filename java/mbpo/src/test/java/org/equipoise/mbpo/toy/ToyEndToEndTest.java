package org.equipoise.mbpo.toy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.evaluate.Evaluator;
import org.equipoise.mbpo.evaluate.ObjectVocabulary;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.mine.DropReason;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.ImageInformationGain.Baseline;
import org.equipoise.mbpo.mine.InformationGainSelection;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.DpoTrainer;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.HybridGrpoTrainer;
import org.equipoise.mbpo.train.OfflineOptions;
import org.equipoise.mbpo.train.OnlineOptions;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.PolicyOptions;
import org.equipoise.mbpo.train.SftOptions;
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.mbpo.train.TrainingResult;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole system on a second task: another model, another vocabulary, another image processor,
 * images of several sizes. Nothing here is of the demonstration.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ToyEndToEndTest {
  private static final EvaluationOptions EVALUATION =
      EvaluationOptions.defaults().withGeneration(GenerationOptions.greedy().withMaxNewTokens(5));
  private static final MiningOptions MINING =
      MiningOptions.defaults()
          .withGeneration(GenerationOptions.greedy().withMaxNewTokens(5))
          .withTwinsTogether(false);
  private static final NegativeSource ATTACK =
      NegativeSources.adversarial(24 / 255.0, 8 / 255.0, 6, 3);

  @TempDir static Path folder;

  private final ToyModel start = new ToyModel(1);
  private final List<Sample> pool = ToyTask.twins("pool", 60, 11);
  private final List<Sample> exceptions = ToyTask.samples("test", 120, 0, 12);
  private double[] gains;
  private MiningReport report;
  private List<PreferenceRecord> pairs;

  @BeforeAll
  void learnThePriorAndMine() {
    Equipoise.threads(1);
    SftOptions options =
        SftOptions.defaults()
            .withOptimizer(OptimizerOptions.adamW(0.01))
            .withSteps(250)
            .withBatchSize(32)
            .withBlankImageShare(0.15)
            .withSeed(5);
    new SftTrainer(options)
        .train(start, ToyTask.samples("sft", 600, 0.9, 10), TrainingContext.defaults());
    gains = ImageInformationGain.against(Baseline.BLIND).withBatchSize(32).measure(start, pool);
    report =
        new NegativeMiner(start, ATTACK, ToyTask.VERIFIER, MINING)
            .mine(pool, gains, folder.resolve("adversarial"), Progress.none());
    pairs = PreferenceStore.read(folder.resolve("adversarial"));
  }

  @AfterAll
  void close() {
    start.close();
  }

  @Test
  void exceptionsNeedTheImageAndHabitsDoNot() {
    double habit = 0;
    double exception = 0;
    for (int i = 0; i < pool.size(); i++) {
      if (pool.get(i).id().endsWith("habit")) {
        habit += gains[i];
      } else {
        exception += gains[i];
      }
    }
    assertTrue(exception > habit + 10, "gains: exceptions " + exception + ", habits " + habit);
    double[] withoutImage =
        ImageInformationGain.against(Baseline.NONE).measure(start, pool.subList(0, 10));
    double[] againstTwin = ImageInformationGain.against(Baseline.TWIN).measure(start, pool);
    assertEquals(10, withoutImage.length);
    assertEquals(againstTwin.length, pool.size());
  }

  @Test
  void selectionKeepsTwinsTogether() {
    InformationGainSelection.Selection selection =
        new InformationGainSelection(0.5).select(pool, gains);
    assertEquals(60, selection.kept().size());
    Map<String, Sample> kept = new HashMap<>();
    selection.kept().forEach(sample -> kept.put(sample.id(), sample));
    selection.kept().forEach(sample -> assertTrue(kept.containsKey(sample.twin()), sample.id()));
  }

  @Test
  void minedPairsAreUsableAndTheReportAddsUp() {
    assertEquals(pool.size(), report.samples());
    int dropped = report.droppedByReason().values().stream().mapToInt(Integer::intValue).sum();
    assertEquals(pool.size(), report.usable() + dropped);
    assertEquals(report.usable(), pairs.size());
    assertTrue(report.usable() >= pool.size() / 3, report.toString());
    assertTrue(report.meanDelta() < -1, report.toString());
    long likeBlind = pairs.stream().filter(p -> p.scores().equalsBlindAnswer()).count();
    assertEquals((double) likeBlind / pairs.size(), report.priorShare(), 1e-12);
    for (PreferenceRecord pair : pairs) {
      assertTrue(pair.scores().delta() <= 0, pair.id());
      assertFalse(pair.chosen().equals(pair.rejected()), pair.id());
    }
  }

  @Test
  void attackKeepsItsStrengthInThePng() {
    AnswerLogProbs answers = new AnswerLogProbs(start, 16);
    List<Images> reloaded = pairs.stream().map(p -> Images.load(p.perturbed())).toList();
    List<TokenSequence> sequences =
        pairs.stream()
            .map(p -> AnswerLogProbs.sequence(start.tokenizer(), p.sample(), p.chosen()))
            .toList();
    List<float[]> logProbs = answers.tokenLogProbs(reloaded, sequences, AnswerLogProbs.Sight.IMAGE);
    for (int i = 0; i < pairs.size(); i++) {
      double sum = 0;
      for (float value : logProbs.get(i)) {
        sum += value;
      }
      assertEquals(pairs.get(i).scores().logProbPerturbed(), sum, 1e-4, pairs.get(i).id());
      int largest = 0;
      byte[] clean = pairs.get(i).images().get(0).load().planes();
      for (int b = 0; b < clean.length; b++) {
        int difference = (clean[b] & 0xff) - (reloaded.get(i).only().planes()[b] & 0xff);
        largest = Math.max(largest, Math.abs(difference));
      }
      assertTrue(largest > 0 && largest <= 24, pairs.get(i).id() + " differs by " + largest);
    }
  }

  @Test
  void everySourceMines() {
    List<Sample> some = pool.subList(0, 24);
    for (NegativeSource source :
        List.of(
            NegativeSources.blank(),
            NegativeSources.swapped(pool, 1),
            NegativeSources.gaussian(0.3, 1),
            NegativeSources.diffusion(500, 1))) {
      MiningReport mined =
          new NegativeMiner(start, source, ToyTask.VERIFIER, MINING)
              .mine(some, null, folder.resolve(source.name()), Progress.none());
      assertEquals(some.size(), mined.samples(), source.name());
      assertTrue(mined.usable() > 0, mined.toString());
      if (source.name().equals("blank")) {
        assertTrue(mined.priorShare() > 0.9, mined.toString());
      }
    }
  }

  @Test
  void importedAnswersBecomeTheRejectedOnes() {
    List<Sample> some = ofKind("mc").subList(0, 4);
    String right = some.get(1).answer();
    String wrong = ToyTask.COLOURS.stream().filter(c -> !c.equals(right)).findFirst().orElseThrow();
    Path store = folder.resolve("imported");
    MiningReport mined =
        new NegativeMiner(
                start,
                NegativeSources.imported(
                    Map.of(
                        some.get(0).id(),
                        "gold and gold",
                        some.get(1).id(),
                        wrong,
                        some.get(2).id(),
                        some.get(2).answer())),
                ToyTask.VERIFIER,
                MINING)
            .mine(some, null, store, Progress.none());
    assertEquals(1, mined.droppedByReason().get(DropReason.NO_ANSWER));
    assertEquals(1, mined.droppedByReason().get(DropReason.MATCHES_CHOSEN));
    PreferenceRecord pair =
        PreferenceStore.read(store).stream()
            .filter(p -> p.id().equals(some.get(1).id()))
            .findFirst()
            .orElseThrow();
    assertEquals(wrong, pair.rejected());
    assertEquals("imported", pair.source());
    assertEquals(0, pair.scores().delta());
    assertArrayEquals(
        pair.images().get(0).load().planes(), pair.perturbed().get(0).load().planes());
  }

  @Test
  void everyTrainerMakesTheModelLook() {
    double before = accuracy(start);
    Map<String, Double> after = new HashMap<>();
    try (ToyModel model = start.copy()) {
      SftOptions options =
          SftOptions.defaults()
              .withOptimizer(OptimizerOptions.adamW(0.003))
              .withSteps(80)
              .withBatchSize(32);
      new SftTrainer(options).train(model, pool, TrainingContext.defaults());
      after.put("SFT", accuracy(model));
    }
    try (ToyModel model = start.copy()) {
      DpoOptions options =
          DpoOptions.defaults()
              .withOptimizer(OptimizerOptions.adamW(0.001))
              .withSteps(80)
              .withBatchPairs(16)
              .withBeta(0.3);
      TrainingResult result =
          new DpoTrainer(options).train(model, pairs, TrainingContext.defaults());
      after.put("DPO", accuracy(model));
      assertTrue(last(result, "reward_accuracy") > 0.9, "DPO separates its pairs");
    }
    try (ToyModel model = start.copy()) {
      TrainingResult result = hybrid(80).train(model, pairs, prompts(), TrainingContext.defaults());
      after.put("hybrid GRPO", accuracy(model));
      assertTrue(last(result, "kl") > 0, "the policy moved");
      assertTrue(
          result.history().stream().anyMatch(step -> step.value("online_share") > 0),
          "some online group had variance");
    }
    after.forEach(
        (method, accuracy) ->
            assertTrue(accuracy > before + 0.1, method + ": " + before + " -> " + accuracy));
  }

  @Test
  void evaluatorMeasuresEveryKind() {
    Evaluator evaluator = new Evaluator(start, EVALUATION);
    List<Sample> yesNo = pool.stream().filter(s -> s.kind().equals("yn")).toList();
    assertTrue(evaluator.yesNo(yesNo).auc() > 0.5, "the image is seen, if not trusted");
    assertEquals(ofKind("mc").size(), evaluator.multipleChoice(ofKind("mc")).items().size());
    var captions = evaluator.captions(ofKind("cap"), ObjectVocabulary.of(ToyTask.COLOURS));
    assertTrue(captions.recall() > 0.4, "captions name something that is there");
    var logProbs = evaluator.answerLogProbs(exceptions);
    assertTrue(logProbs.image() > logProbs.blind(), "the image helps");
  }

  private static HybridGrpoTrainer hybrid(int iterations) {
    HybridGrpoOptions options =
        HybridGrpoOptions.defaults()
            .withOptimizer(OptimizerOptions.adamW(0.002))
            .withIterations(iterations)
            .withUpdatesPerIteration(1)
            .withOffline(OfflineOptions.defaults().withPairsPerIteration(16))
            .withOnline(
                OnlineOptions.defaults()
                    .withPromptsPerIteration(4)
                    .withGroupSize(4)
                    .withMaxGroups(2)
                    .withTemperature(1)
                    .withMaxNewTokens(4))
            .withPolicy(
                PolicyOptions.defaults()
                    .withNegativeLogProbFloor(-2)
                    .withEpsilonLow(0.3)
                    .withEpsilonHigh(0.3))
            .withSeed(4);
    return new HybridGrpoTrainer(options, VerifiedReward.formatAndAccuracy(ToyTask.VERIFIER));
  }

  private List<Sample> prompts() {
    return pool.stream().filter(sample -> !sample.kind().equals("cap")).toList();
  }

  private double accuracy(ToyModel model) {
    Evaluator evaluator = new Evaluator(model, EVALUATION);
    return (evaluator.yesNo(ofKind("yn")).accuracy()
            + evaluator.multipleChoice(ofKind("mc")).accuracy())
        / 2;
  }

  private List<Sample> ofKind(String kind) {
    return new ArrayList<>(exceptions.stream().filter(s -> s.kind().equals(kind)).toList());
  }

  private static double last(TrainingResult result, String metric) {
    return result.history().get(result.history().size() - 1).value(metric);
  }
}
