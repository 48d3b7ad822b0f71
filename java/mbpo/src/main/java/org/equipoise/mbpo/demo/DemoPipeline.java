package org.equipoise.mbpo.demo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.model.SmallMultimodalModel;
import org.equipoise.mbpo.demo.task.QuestionKind;
import org.equipoise.mbpo.demo.task.SceneData;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.InformationGainSelection;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.GenerationOptions;
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
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.StepMetrics;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.mbpo.train.TrainingResult;

/**
 * The demonstration as a graph of resumable stages:
 *
 * <pre>
 * align → start → mine → train-hybrid, train-sft, train-dpo → evaluate-* → report
 *           └──────────→ evaluate-start, evaluate-start-contrast
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
  static final String RESULTS = "results.json";
  private static final String CHECKPOINT = "checkpoint.safetensors";
  private static final int CHECKPOINT_EVERY = 100;

  private final DemoConfig config;
  private final SceneData data;

  public DemoPipeline(DemoConfig config) {
    this.config = config;
    this.data = new SceneData(config.seed());
  }

  /** All stages. Weights are about the seconds of one thread at full scale. */
  public StageGraph graph() {
    List<Stage> stages = new ArrayList<>();
    stages.add(
        stage("align", "align vision with words", 9, this::align)
            .setting("alignment", config.alignment()));
    stages.add(
        stage("start", "train the start model", 33, this::start)
            .setting("sft", config.start())
            .after("align"));
    stages.add(
        stage("mine", "mine hard negatives", 50, this::mine)
            .setting("mining", config.mining())
            .after("start"));
    stages.add(
        stage("train-hybrid", "train MBPO hybrid", 98, this::trainHybrid)
            .setting("hybrid", config.hybrid())
            .after("start", "mine"));
    stages.add(
        stage("train-sft", "train SFT on the gold answers", 66, this::trainGold)
            .setting("sft", config.goldFineTuning())
            .after("start", "mine"));
    stages.add(
        stage("train-dpo", "train DPO", 67, this::trainDpo)
            .setting("dpo", config.dpo())
            .after("start", "mine"));
    for (Method method : Method.values()) {
      stages.add(
          stage(
                  method.evaluationStage(),
                  "evaluate " + method.title(),
                  11,
                  context -> evaluate(method, context))
              .setting("decoding", config.decoding())
              .after(method.modelStage()));
    }
    Stage report =
        stage("report", "write the report", 5, context -> new DemoReport(config).write(context))
            .after("start", "mine", "train-hybrid", "train-sft", "train-dpo");
    for (Method method : Method.values()) {
      report = report.after(method.evaluationStage());
    }
    stages.add(report);
    return StageGraph.of(stages);
  }

  private Stage stage(String id, String title, double seconds, Stage.Work work) {
    return Stage.of(id, work)
        .title(title)
        .weight(seconds)
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

  private void mine(StageContext context) {
    List<Sample> pool =
        data.twins(
            config.data().poolSamples(),
            config.data().poolMix(),
            config.data().poolPartnerProbability());
    DemoConfig.Mining mining = config.mining();
    try (SmallMultimodalModel model = SmallMultimodalModel.load(context.input("start", MODEL))) {
      double[] gains =
          ImageInformationGain.against(ImageInformationGain.Baseline.BLIND)
              .batchSize(mining.batchSize())
              .measure(model, pool);
      InformationGainSelection.Selection selection =
          new InformationGainSelection(mining.keepShare()).select(pool, gains);
      context.progress(0.1, "information gain measured");
      NegativeMiner miner =
          new NegativeMiner(
              model,
              NegativeSources.adversarial(
                  mining.epsilon(), mining.stepSize(), mining.steps(), config.seed()),
              verifier(),
              MiningOptions.defaults()
                  .batchSize(mining.batchSize())
                  .generation(GenerationOptions.greedy().maxNewTokens(DemoConfig.MAX_NEW_TOKENS)));
      var report =
          miner.mine(
              selection.kept(), selection.gains(), context.file(STORE), context.progress(0.1, 1));
      AtomicFiles.write(context.file(MINING), Json.text(report));
    }
  }

  private void trainHybrid(StageContext context) {
    List<Sample> prompts =
        data.onlinePrompts(
            config.data().onlinePrompts(),
            config.data().onlineMix(),
            config.data().poolPartnerProbability());
    List<PreferenceRecord> pairs = pairs(context);
    train(
        context,
        "start",
        (model, training) ->
            new HybridGrpoTrainer(config.hybrid(), VerifiedReward.formatAndAccuracy(verifier()))
                .train(model, pairs, prompts, training));
  }

  private void trainGold(StageContext context) {
    List<Sample> gold =
        pairs(context).stream()
            .map(
                pair ->
                    Sample.of(pair.id(), pair.image(), pair.question(), pair.chosen(), pair.kind()))
            .toList();
    train(
        context,
        "start",
        (model, training) -> new SftTrainer(config.goldFineTuning()).train(model, gold, training));
  }

  private void trainDpo(StageContext context) {
    List<PreferenceRecord> pairs = pairs(context);
    train(
        context,
        "start",
        (model, training) -> new DpoTrainer(config.dpo()).train(model, pairs, training));
  }

  private void evaluate(Method method, StageContext context) {
    try (SmallMultimodalModel model =
        SmallMultimodalModel.load(context.input(method.modelStage(), MODEL))) {
      MethodResults results =
          MethodResults.measure(
              model,
              method.contrastAlpha(config.decoding()),
              method == Method.START,
              config,
              share -> {
                context.stopIfCancelled();
                context.progress(share);
              });
      AtomicFiles.write(context.file(RESULTS), Json.text(results));
    }
  }

  private interface Training {
    TrainingResult run(SmallMultimodalModel model, TrainingContext training);
  }

  private static void train(StageContext context, String from, Training training) {
    try (SmallMultimodalModel model = SmallMultimodalModel.load(context.input(from, MODEL))) {
      Consumer<StepMetrics> onStep =
          step ->
              context.progress(
                  (step.step() + 1.0) / step.totalSteps(),
                  String.format(Locale.ROOT, "loss %.3f", step.value("loss")));
      TrainingResult result =
          training.run(
              model,
              TrainingContext.plain()
                  .checkpoint(context.file(CHECKPOINT), CHECKPOINT_EVERY)
                  .onStep(onStep)
                  .cancelled(context::cancelled));
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
  private static List<PreferenceRecord> pairs(StageContext context) {
    Path store = context.input("mine", STORE);
    return PreferenceStore.read(store).stream()
        .map(pair -> pair.image(pair.image().cached()))
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
