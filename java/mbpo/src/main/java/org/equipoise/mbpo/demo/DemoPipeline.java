package org.equipoise.mbpo.demo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.model.SmallMultimodalModel;
import org.equipoise.mbpo.demo.task.BiasedAnnotator;
import org.equipoise.mbpo.demo.task.NearestTwins;
import org.equipoise.mbpo.demo.task.QuestionKind;
import org.equipoise.mbpo.demo.task.SceneData;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.InformationGainSelection;
import org.equipoise.mbpo.mine.KeptGains;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.train.DpoTrainer;
import org.equipoise.mbpo.train.HybridGrpoTrainer;
import org.equipoise.mbpo.train.SftOptions;
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.StepMetrics;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.mbpo.train.TrainingResult;

/**
 * The demonstration as a graph of resumable stages:
 *
 * <pre>
 * align → start → mine-* → train-* → evaluate-* → report
 * </pre>
 *
 * Each stage reads its inputs' files and writes its own; what is drawn (scenes, order, samples) is
 * a function of the seed, so nothing else needs to be kept.
 */
public final class DemoPipeline {
  static final String MODEL = "model.safetensors";
  static final String HISTORY = "history.json";
  static final String STORE = "preferences";
  static final String MINING = "mining.json";
  private static final String GAINS = "gains.json";
  static final String RESULTS = "results.json";
  private static final String CHECKPOINT = "checkpoint.safetensors";
  private static final int CHECKPOINT_EVERY = 100;
  private static final int READ_AGAIN = 256;

  private final DemoConfig config;
  private final DemoPlan plan;
  private final SceneData data;

  public DemoPipeline(DemoConfig config, DemoPlan plan) {
    this.config = config;
    this.plan = plan;
    this.data = new SceneData(config.seed());
  }

  /** All stages. Weights are about the seconds of one thread at full scale. */
  public StageGraph graph() {
    List<Stage> stages = new ArrayList<>();
    stages.add(
        stage("align", "align vision with words", 13, this::align)
            .setting("alignment", config.alignment()));
    stages.add(
        stage("start", "train the start model", 50, this::start)
            .setting("sft", config.start())
            .after("align"));
    for (PairMining mining : plan.minings()) {
      stages.add(
          stage(
                  mining.id(),
                  "mine: " + mining.title().toLowerCase(Locale.ROOT),
                  mining.seconds(),
                  context -> mine(mining, context))
              .setting("mining", config.mining())
              .setting("pairs", mining)
              .after("start"));
    }
    for (Training training : plan.trainings()) {
      stages.add(
          stage(
                  training.id(),
                  "train " + training.title(),
                  training.recipe().seconds(),
                  context -> train(training, context))
              .setting("recipe", training.recipe())
              .after("start", training.mining()));
    }
    for (Method method : plan.methods()) {
      stages.add(
          stage(
                  method.evaluationStage(),
                  "evaluate " + method.title(),
                  17,
                  context -> evaluate(method, context))
              .setting("contrast", method.contrastAlpha())
              .setting("decoding", config.decoding())
              .after(method.modelStage()));
    }
    Stage report =
        stage(
                plan.name(),
                "write the report",
                8,
                context -> new DemoReport(config, plan).write(context))
            .setting("tables", List.copyOf(plan.tables().entrySet()))
            .after("start");
    for (PairMining mining : plan.minings()) {
      report = report.after(mining.id());
    }
    for (Training training : plan.trainings()) {
      report = report.after(training.id());
    }
    for (Method method : plan.methods()) {
      report = report.after(method.evaluationStage());
    }
    stages.add(report);
    return StageGraph.of(stages);
  }

  private Stage stage(String id, String title, double seconds, Stage.Work work) {
    return Stage.of(id, work)
        .withTitle(title)
        .withWeight(seconds)
        .withWorking(
            Set.of(
                CHECKPOINT,
                CHECKPOINT + TrainingContext.REFERENCE,
                GAINS,
                STORE + "/" + PreferenceStore.PROGRESS))
        .withChecked(Set.of(STORE))
        .setting("seed", config.seed())
        .setting("data", config.data());
  }

  private void align(StageContext context) {
    try (SmallMultimodalModel model = SmallMultimodalModel.create(config.seed())) {
      new VisionAlignment(config.alignment(), config.seed())
          .train(
              model,
              data.scenes(
                  config.data().alignmentScenes(), config.data().biasedPartnerProbability()),
              share -> {
                context.stopIfCancelled();
                context.progress(share);
              });
      model.save(context.file(MODEL));
    }
  }

  private void start(StageContext context) {
    List<Sample> samples =
        data.fineTuning(
            config.data().startSamples(),
            config.data().startMix(),
            config.data().biasedPartnerProbability());
    train(
        context,
        "align",
        (model, training) -> new SftTrainer(config.start()).train(model, samples, training));
  }

  private List<Sample> pool(PairMining.Pool pool) {
    DemoConfig.Data sizes = config.data();
    return switch (pool) {
      case TWINS ->
          data.twins(sizes.poolSamples(), sizes.poolMix(), sizes.poolPartnerProbability());
      case SINGLES ->
          data.singles(sizes.poolSamples(), sizes.poolMix(), sizes.poolPartnerProbability());
      case NEAREST ->
          NearestTwins.pair(
              data.singles(sizes.poolSamples(), sizes.poolMix(), sizes.poolPartnerProbability()));
    };
  }

  private void mine(PairMining way, StageContext context) {
    List<Sample> right = pool(way.pool());
    List<Sample> pool =
        way.biasedAnnotator()
            ? BiasedAnnotator.annotate(right, config.data().annotatorMistakes(), config.seed())
            : right;
    DemoConfig.Mining mining = config.mining();
    try (SmallMultimodalModel model = SmallMultimodalModel.load(context.input("start", MODEL))) {
      double[] gains =
          KeptGains.of(
              context.file(GAINS),
              ImageInformationGain.against(ImageInformationGain.Baseline.BLIND)
                  .withBatchSize(mining.batchSize()),
              model,
              pool,
              context.progress(0, 0.1));
      List<Sample> kept =
          new InformationGainSelection(mining.keepShare())
              .select(pool, way.byGain() ? gains : drawn(pool))
              .kept();
      NegativeMiner miner =
          new NegativeMiner(
              model,
              way.negatives(config, pool),
              verifier(),
              MiningOptions.defaults()
                  .withBatchSize(mining.batchSize())
                  .withGeneration(
                      GenerationOptions.greedy().withMaxNewTokens(DemoConfig.MAX_NEW_TOKENS)));
      MiningReport report =
          miner.mine(
              kept, gainsOf(kept, pool, gains), context.file(STORE), context.progress(0.1, 0.97));
      MiningQuality quality = quality(model, report, context.file(STORE), right);
      AtomicFiles.write(context.file(MINING), Json.text(quality));
    }
  }

  /** Random numbers in the gains' place: what is kept is then drawn at random. */
  private double[] drawn(List<Sample> pool) {
    KeyedRandom random = KeyedRandom.of(config.seed(), "random-selection");
    return pool.stream().mapToDouble(s -> random.uniform(0, KeyedRandom.id(s.id()), 0)).toArray();
  }

  private static double[] gainsOf(List<Sample> kept, List<Sample> pool, double[] gains) {
    Map<String, Double> byId = new HashMap<>();
    for (int i = 0; i < gains.length; i++) {
      byId.put(pool.get(i).id(), gains[i]);
    }
    return kept.stream().mapToDouble(sample -> byId.get(sample.id())).toArray();
  }

  /** Reads some of the pairs' images again from their files, and asks the model about them anew. */
  private static MiningQuality quality(
      SmallMultimodalModel model, MiningReport report, Path store, List<Sample> right) {
    List<PreferenceRecord> pairs = PreferenceStore.read(store);
    Map<String, String> answers = new HashMap<>();
    right.forEach(sample -> answers.put(sample.id(), sample.answer()));
    long mistaken = pairs.stream().filter(p -> !p.chosen().equals(answers.get(p.id()))).count();
    List<PreferenceRecord> some = pairs.subList(0, Math.min(READ_AGAIN, pairs.size()));
    List<Images> images = some.stream().map(pair -> Images.load(pair.perturbed())).toList();
    List<TokenSequence> sequences =
        some.stream()
            .map(p -> AnswerLogProbs.sequence(model.tokenizer(), p.sample(), p.chosen()))
            .toList();
    List<float[]> logProbs =
        some.isEmpty()
            ? List.of()
            : new AnswerLogProbs(model, 64)
                .tokenLogProbs(images, sequences, AnswerLogProbs.Sight.IMAGE);
    double recorded = 0;
    double again = 0;
    for (int i = 0; i < some.size(); i++) {
      recorded += some.get(i).scores().delta();
      again -= some.get(i).scores().logProbClean();
      for (float value : logProbs.get(i)) {
        again += value;
      }
    }
    return new MiningQuality(
        report,
        recorded / some.size(),
        again / some.size(),
        some.size(),
        (double) mistaken / pairs.size());
  }

  private void train(Training training, StageContext context) {
    List<PreferenceRecord> pairs = pairs(context, training.mining());
    train(
        context,
        "start",
        (model, plain) -> {
          if (training.recipe() instanceof Training.Hybrid hybrid) {
            VerifiedReward reward =
                VerifiedReward.formatAndAccuracy(verifier(), 2, hybrid.formatReward() ? 1 : 0);
            return new HybridGrpoTrainer(hybrid.options(), reward)
                .train(model, offline(hybrid, pairs), online(hybrid), plain);
          }
          if (training.recipe() instanceof Training.Dpo dpo) {
            return new DpoTrainer(dpo.options()).train(model, pairs, plain);
          }
          SftOptions options = ((Training.GoldFineTuning) training.recipe()).options();
          return new SftTrainer(options).train(model, chosen(pairs), plain);
        });
  }

  private static List<PreferenceRecord> offline(
      Training.Hybrid hybrid, List<PreferenceRecord> pairs) {
    return hybrid.options().offline().pairsPerIteration() > 0 ? pairs : List.of();
  }

  private List<Sample> online(Training.Hybrid hybrid) {
    DemoConfig.Data sizes = config.data();
    return hybrid.options().online().promptsPerIteration() > 0
        ? data.onlinePrompts(
            sizes.onlinePrompts(), sizes.onlineMix(), sizes.poolPartnerProbability())
        : List.of();
  }

  private static List<Sample> chosen(List<PreferenceRecord> pairs) {
    return pairs.stream().map(PreferenceRecord::sample).toList();
  }

  private void evaluate(Method method, StageContext context) {
    try (SmallMultimodalModel model =
        SmallMultimodalModel.load(context.input(method.modelStage(), MODEL))) {
      MethodResults results =
          MethodResults.measure(
              model,
              method.contrastAlpha(),
              method.equals(DemoPlan.START),
              config,
              data,
              share -> {
                context.stopIfCancelled();
                context.progress(share);
              });
      AtomicFiles.write(context.file(RESULTS), Json.text(results));
    }
  }

  private interface Trainer {
    TrainingResult run(SmallMultimodalModel model, TrainingContext training);
  }

  private static void train(StageContext context, String from, Trainer training) {
    try (SmallMultimodalModel model = SmallMultimodalModel.load(context.input(from, MODEL))) {
      Consumer<StepMetrics> onStep =
          step ->
              context.progress(
                  (step.step() + 1.0) / step.totalSteps(),
                  String.format(Locale.ROOT, "loss %.3f", step.value("loss")));
      TrainingResult result =
          training.run(
              model,
              TrainingContext.defaults()
                  .withCheckpoint(context.file(CHECKPOINT))
                  .withCheckpointEvery(CHECKPOINT_EVERY)
                  .withOnNotice(context::notice)
                  .withOnStep(onStep)
                  .withCancelled(context::cancelled));
      context.stopIfCancelled();
      List<Map<String, Double>> history = new ArrayList<>();
      for (StepMetrics step : result.history()) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("step", (double) step.step());
        values.putAll(step.values());
        history.add(values);
      }
      AtomicFiles.write(context.file(HISTORY), Json.text(history));
      model.save(context.file(MODEL));
    }
  }

  /** The mined pairs with their images held in memory. */
  private static List<PreferenceRecord> pairs(StageContext context, String mining) {
    Path store = context.input(mining, STORE);
    return PreferenceStore.read(store).stream()
        .map(pair -> pair.withImages(pair.images().stream().map(ImageSource::cached).toList()))
        .toList();
  }

  static AnswerVerifier verifier() {
    return Verifiers.byKind(
        Map.of(
            QuestionKind.YES_NO.id(), Verifiers.yesNo(),
            QuestionKind.EXISTENCE.id(), Verifiers.yesNo(),
            QuestionKind.MULTIPLE_CHOICE.id(), Verifiers.multipleChoice(),
            QuestionKind.CAPTION.id(), Verifiers.exact()));
  }
}
