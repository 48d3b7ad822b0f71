package org.equipoise.mbpo.toy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.ImageInformationGain.Baseline;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.HybridGrpoTrainer;
import org.equipoise.mbpo.train.OfflineOptions;
import org.equipoise.mbpo.train.OnlineOptions;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.SftOptions;
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.torch.Equipoise;

/** Supervised training, mining and hybrid GRPO of the toy, as a run that can be killed. */
final class ToyPipeline {
  private static final String WEIGHTS = "weights.safetensors";
  private static final List<Sample> POOL = ToyTask.twins("pool", 12, 2);

  private ToyPipeline() {}

  public static void main(String[] arguments) {
    run(Path.of(arguments[0]));
  }

  static void run(Path root) {
    StageGraph graph =
        StageGraph.of(
            Stage.of("start", ToyPipeline::start),
            Stage.of("mine", ToyPipeline::mine).after("start"),
            Stage.of("hybrid", ToyPipeline::hybrid).after("start", "mine"));
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(
          folder, RunOptions.defaults().withWorkers(1).withWorkerSetup(() -> Equipoise.threads(1)));
    }
  }

  private static TrainingContext training(StageContext context) {
    return TrainingContext.defaults()
        .withCheckpoint(context.file("checkpoint.safetensors"))
        .withCheckpointEvery(8);
  }

  private static void start(StageContext context) {
    SftOptions options =
        SftOptions.defaults()
            .withOptimizer(OptimizerOptions.adamW(0.01))
            .withSteps(40)
            .withBatchSize(16);
    try (ToyModel model = new ToyModel(1)) {
      new SftTrainer(options).train(model, ToyTask.samples("sft", 100, 0.9, 1), training(context));
      SafetensorsFile.write(context.file(WEIGHTS), model.parameters(), Map.of());
    }
  }

  private static ToyModel started(StageContext context) {
    ToyModel model = new ToyModel(1);
    SafetensorsFile.readInto(context.input("start", WEIGHTS), model.parameters());
    return model;
  }

  private static void mine(StageContext context) {
    MiningOptions options =
        MiningOptions.defaults()
            .withBatchSize(4)
            .withRequireFinished(false)
            .withTwinsTogether(false)
            .withGeneration(GenerationOptions.greedy().withMaxNewTokens(4));
    try (ToyModel model = started(context)) {
      double[] gains = ImageInformationGain.against(Baseline.BLIND).measure(model, POOL);
      MiningReport report =
          new NegativeMiner(
                  model,
                  NegativeSources.adversarial(24 / 255.0, 8 / 255.0, 3, 1),
                  ToyTask.VERIFIER,
                  options)
              .mine(POOL, gains, context.file("preferences"), context.progress(0, 1));
      AtomicFiles.write(context.file("report.json"), Json.text(report));
    }
  }

  private static void hybrid(StageContext context) {
    List<PreferenceRecord> pairs = PreferenceStore.read(context.input("mine", "preferences"));
    HybridGrpoOptions options =
        HybridGrpoOptions.defaults()
            .withOptimizer(OptimizerOptions.adamW(0.002))
            .withIterations(15)
            .withUpdatesPerIteration(2)
            .withOffline(OfflineOptions.defaults().withPairsPerIteration(4))
            .withOnline(
                OnlineOptions.defaults()
                    .withPromptsPerIteration(2)
                    .withGroupSize(4)
                    .withTemperature(1)
                    .withMaxNewTokens(4));
    List<Sample> prompts = POOL.stream().filter(s -> !s.kind().equals("cap")).toList();
    try (ToyModel model = started(context)) {
      new HybridGrpoTrainer(options, VerifiedReward.formatAndAccuracy(ToyTask.VERIFIER))
          .train(model, pairs, prompts, training(context));
      SafetensorsFile.write(context.file(WEIGHTS), model.parameters(), Map.of());
    }
  }
}
