package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.CheckpointCopy;
import org.equipoise.mbpo.checkpoint.CheckpointWriter;
import org.equipoise.mbpo.checkpoint.MemoryEstimate;
import org.equipoise.mbpo.checkpoint.PeftAdapter;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ConsoleRun;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.train.DpoTrainer;
import org.equipoise.mbpo.train.HybridGrpoTrainer;
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.mbpo.train.TrainingResult;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code equipoise train}. */
@Command(
    name = "train",
    description = {
      "Trains a checkpoint on preference pairs, on answers it gives while it trains, or on gold"
          + " answers.",
      "Writes low-rank adapters that PEFT loads, with --merge a whole checkpoint that transformers"
          + " loads, metrics of every step as CSV, and a report with curves. The same command goes"
          + " on after an interruption."
    })
public final class TrainCommand implements Callable<Integer> {
  private static final String STAGE = "train";
  private static final String MERGED = "merged";
  private static final double GIB = 1L << 30;
  private static final String CHECKPOINT = "checkpoint.safetensors";
  static final String METRICS = "metrics.csv";
  static final String REPORT = "report.html";

  @Spec private CommandSpec specification;
  @Mixin private SettingsOptions options;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "train-run",
      description = "Where everything is written (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Option(
      names = "--merge",
      description = "Also write the whole checkpoint with what was learnt added to its weights.")
  private boolean merge;

  @Option(names = "--dry-run", description = "Check everything, say what would be done, stop.")
  private boolean dryRun;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new TrainCommand();
    }
  }

  private RunSettings settings;
  private TrainSettings train;
  private CheckedModel checked;
  private List<PreferenceRecord> pairs = List.of();
  private List<Sample> samples = List.of();

  @Override
  public Integer call() {
    settings = options.load();
    train = settings.bind("train", TrainSettings.class);
    PrintWriter messages = specification.commandLine().getErr();
    int threads = settings.bind("threads", Integer.class);
    new OutputPlace(settings)
        .reads(
            switch (train.method()) {
              case SFT -> new String[] {"data.samples"};
              case DPO -> new String[] {"data.pairs"};
              case HYBRID -> new String[] {"data.pairs", "data.prompts"};
            })
        .input("--config", RunRecord.other(options.file(), settings, out))
        .requireRunFolder(out, STAGE, RunRecord.SETTINGS, InputSamples.DROPPED);
    checked = CheckedModel.toTrain(settings, train, messages);
    if (merge || train.full()) {
      CheckpointWriter.requireOther(checked.checkpoint(), out.resolve(STAGE).resolve(MERGED));
      CheckpointCopy.require(checked.checkpoint().folder());
    }
    InputSamples input = new InputSamples(settings, checked, newTokens(), dryRun, messages);
    readData(input);
    OutputPlace.requireImagesApart(
        out,
        Stream.concat(
            samples.stream().flatMap(sample -> sample.images().stream()),
            pairs.stream().flatMap(pair -> pair.images().stream())),
        STAGE);
    messages.printf(
        "%s of %s, %d pairs, %d samples, %s%n",
        train.method().name().toLowerCase(Locale.ROOT),
        checked.name(),
        pairs.size(),
        samples.size(),
        trained());
    messages.flush();
    if (train.full()) {
      requireRoom(checked.checkpoint());
    }
    // Loads LibTorch, which takes seconds: after what is refused without it.
    Equipoise.threads(threads);
    if (dryRun) {
      return ExitCode.OK;
    }
    try (RunFolder run = RunFolder.open(out)) {
      RunRecord.write(run, settings, input);
      ConsoleRun.run(
          StageGraph.of(stage(checked.checkpoint())), run, 1, () -> Equipoise.threads(threads));
      PrintWriter console = specification.commandLine().getOut();
      Path folder = run.stage(STAGE);
      if (!train.full()) {
        console.println("Adapter: " + folder.resolve("adapter"));
      }
      if (merge || train.full()) {
        console.println("Checkpoint: " + folder.resolve(MERGED));
      }
      console.println("Metrics: " + folder.resolve(METRICS));
      console.println("Report: " + folder.resolve(REPORT).toUri());
      console.flush();
    }
    return ExitCode.OK;
  }

  private Stage stage(QwenCheckpoint checkpoint) {
    Stage stage =
        Stage.of(STAGE, this::work)
            .withTitle("train")
            .withWorking(Set.of(CHECKPOINT, CHECKPOINT + TrainingContext.REFERENCE))
            .setting("train", train)
            .setting("merge", merge);
    stage = InputFingerprint.model(stage, settings, checkpoint);
    stage = InputFingerprint.samples(stage, samples);
    return InputFingerprint.pairs(stage, pairs);
  }

  private String trained() {
    if (train.full()) {
      return "all weights";
    }
    PeftAdapter start = checked.adapter();
    return start == null
        ? "adapters of rank " + train.lora().rank()
        : "the adapters of " + start.trainableLayers() + " layers in model.adapter";
  }

  /** All weights with gradients and moments: said before hours are spent. */
  private static void requireRoom(QwenCheckpoint checkpoint) {
    MemoryEstimate least =
        MemoryEstimate.of(checkpoint.config(), null, Float.BYTES, 16, 16, 1, true);
    long machine = InspectCommand.machineBytes();
    if (least.weights() + least.trainable() > machine) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "training all weights needs %.0f GiB for the weights, their gradients and two moments"
                  + " alone, this machine has %.0f GiB; train adapters instead (leave train.full"
                  + " out)",
              (least.weights() + least.trainable()) / GIB,
              machine / GIB));
    }
  }

  private int newTokens() {
    return train.method() == TrainSettings.Method.HYBRID
        ? train.hybrid().online().maxNewTokens()
        : 0;
  }

  private void readData(InputSamples input) {
    boolean online = train.hybrid().online().promptsPerIteration() > 0;
    switch (train.method()) {
      case SFT -> samples = input.toTeach("data.samples");
      case DPO -> pairs = input.pairs("data.pairs");
      case HYBRID -> {
        pairs =
            train.hybrid().offline().pairsPerIteration() > 0
                ? input.pairs("data.pairs")
                : List.of();
        if (online) {
          samples = input.toPrompt("data.prompts");
          List<String> open =
              samples.stream()
                  .filter(sample -> !SampleVerifier.isClosed(sample))
                  .map(Sample::id)
                  .toList();
          if (!open.isEmpty()) {
            throw new IllegalArgumentException(
                "data.prompts: online answers need questions whose answers a computer can check"
                    + " (yes or no, or with options); "
                    + open.size()
                    + " are not, the first is "
                    + Excerpt.of(open.get(0)));
          }
        }
      }
    }
  }

  private void work(StageContext context) {
    try (QwenModel model = checked.load()) {
      MetricsCsv metrics = new MetricsCsv(context.file(METRICS));
      TrainingContext training =
          TrainingContext.defaults()
              .withCheckpoint(context.file(CHECKPOINT))
              .withCheckpointEvery(train.checkpointEvery())
              .withCancelled(context::cancelled)
              .withOnNotice(context::notice)
              .withOnResume(metrics::begin)
              .withOnStep(
                  step -> {
                    metrics.add(step);
                    step.alarms().forEach(alarm -> System.err.println("Alarm: " + alarm));
                    context.progress(
                        (step.step() + 1.0) / step.totalSteps(),
                        String.format(Locale.ROOT, "loss %.4f", step.value("loss")));
                  });
      TrainingResult result = train(model, training);
      context.stopIfCancelled();
      if (!train.full()) {
        writeAdapter(model, context.file("adapter"));
      }
      if (merge || train.full()) {
        CheckpointWriter.write(
            model, checked.checkpoint(), context.file(MERGED), CheckpointWriter.SHARD_BYTES);
      }
      TrainingReport.write(context.file(REPORT), settings, train, result);
    }
  }

  /**
   * With the settings of fresh adapters, or the configuration of those that training began with.
   */
  private void writeAdapter(QwenModel model, Path folder) {
    PeftAdapter start = checked.adapter();
    if (start == null) {
      PeftAdapter.write(
          model.adapters(), train.lora(), settings.requiredPath("model.folder").toString(), folder);
    } else {
      start.write(model.adapters(), folder);
    }
  }

  private TrainingResult train(QwenModel model, TrainingContext training) {
    return switch (train.method()) {
      case SFT -> new SftTrainer(train.sft()).train(model, samples, training);
      case DPO -> new DpoTrainer(train.dpo()).train(model, pairs, training);
      case HYBRID ->
          new HybridGrpoTrainer(
                  train.hybrid(), VerifiedReward.formatAndAccuracy(SampleVerifier.INSTANCE))
              .train(model, pairs, samples, training);
    };
  }
}
