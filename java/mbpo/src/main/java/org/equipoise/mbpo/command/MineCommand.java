package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ConsoleRun;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.MineSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.DroppedSample;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.InformationGainSelection;
import org.equipoise.mbpo.mine.KeptGains;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.run.StageContext;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code equipoise mine}. */
@Command(
    name = "mine",
    description = {
      "Finds hard negatives: keeps the samples whose image tells most, perturbs their images until"
          + " the right answer is improbable, and takes what the model says then as the rejected"
          + " answer.",
      "Mines a few samples first and shows them. The same command goes on after an interruption.",
      "Needs data.samples; writes preference pairs that `train` and other tools read into"
          + " OUT/mine/preferences."
    })
public final class MineCommand implements Callable<Integer> {
  private static final String PREVIEW = "preview";
  private static final String MINE = "mine";
  private static final String STORE = "preferences";
  private static final String GAINS = "gains.json";
  private static final int SHOWN_CHARACTERS = 40;

  @Spec private CommandSpec specification;
  @Mixin private SettingsOptions options;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "mine-run",
      description = "Where everything is written (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Option(names = "--dry-run", description = "Check everything, say what would be done, stop.")
  private boolean dryRun;

  @Option(names = "--preview-only", description = "Stop after the preview.")
  private boolean previewOnly;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new MineCommand();
    }
  }

  private RunSettings settings;
  private CheckedModel model;
  private MineSettings mine;
  private List<Sample> samples;
  private NegativeSource negatives;

  @Override
  public Integer call() {
    settings = options.load();
    mine = settings.bind("mine", MineSettings.class);
    PrintWriter messages = specification.commandLine().getErr();
    int threads = settings.bind("threads", Integer.class);
    new OutputPlace(settings)
        .reads("data.samples", "mine.answers")
        .input("--config", RunRecord.other(options.file(), settings, out))
        .requireRunFolder(out, PREVIEW, MINE, RunRecord.SETTINGS, InputSamples.DROPPED);
    model = CheckedModel.toAsk(settings, null, messages);
    InputSamples input =
        new InputSamples(
            settings, model, mine.options().generation().maxNewTokens(), dryRun, messages);
    boolean twins = mine.baseline() == ImageInformationGain.Baseline.TWIN;
    samples = input.toMine("data.samples", twins);
    requireTwins();
    OutputPlace.requireImagesApart(
        out, samples.stream().flatMap(sample -> sample.images().stream()), PREVIEW, MINE);
    negatives =
        mine.negatives(
            samples,
            settings.bind("data.limits", DataLimits.class),
            settings.bind("seed", Long.class));
    messages.printf(
        "%d samples, %s, negatives by %s%n",
        samples.size(), model.name(), mine.source().name().toLowerCase(Locale.ROOT));
    messages.flush();
    // Loads LibTorch, which takes seconds: after what is refused without it.
    Equipoise.threads(threads);
    if (dryRun) {
      return ExitCode.OK;
    }
    try (RunFolder run = RunFolder.open(out)) {
      RunRecord.write(run, settings, input);
      if (mine.preview() > 0) {
        ConsoleRun.run(
            StageGraph.of(List.of(stage(PREVIEW, "preview"))),
            run,
            1,
            () -> Equipoise.threads(threads));
        show(run.stage(PREVIEW).resolve(STORE));
      }
      if (!previewOnly) {
        ConsoleRun.run(
            StageGraph.of(List.of(stage(MINE, "mine hard negatives"))),
            run,
            1,
            () -> Equipoise.threads(threads));
        summarise(run.stage(MINE));
      }
    }
    return ExitCode.OK;
  }

  private void requireTwins() {
    try {
      InformationGainSelection.requireTwins(samples);
      gain().requireMeasurable(samples);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          settings.requiredPath("data.samples") + ": " + e.getMessage(), e);
    }
  }

  private ImageInformationGain gain() {
    return ImageInformationGain.against(mine.baseline()).withBatchSize(mine.options().batchSize());
  }

  /** The first samples, with their twins wherever those stand. */
  private List<Sample> previewed() {
    List<Sample> first = samples.subList(0, Math.min(mine.preview(), samples.size()));
    Set<String> ids = first.stream().map(Sample::id).collect(Collectors.toSet());
    return samples.stream()
        .filter(sample -> ids.contains(sample.id()) || ids.contains(sample.twin()))
        .toList();
  }

  private Stage stage(String id, String title) {
    boolean preview = id.equals(PREVIEW);
    List<Sample> chosen = preview ? previewed() : samples;
    Stage stage =
        Stage.of(id, context -> work(context, chosen, preview))
            .withTitle(title)
            .withWeight(chosen.size())
            .withWorking(Set.of(GAINS, STORE + "/" + PreferenceStore.PROGRESS))
            .withChecked(Set.of(STORE))
            .setting("mine", mine)
            .setting("negatives", negatives.settings())
            .setting("seed", settings.bind("seed", Long.class));
    stage = InputFingerprint.model(stage, settings, model.checkpoint());
    // Images are swapped with those of all samples.
    boolean all = mine.source() == MineSettings.Source.SWAPPED;
    return InputFingerprint.samples(stage, all ? samples : chosen);
  }

  private void work(StageContext context, List<Sample> chosen, boolean preview) {
    try (QwenModel loaded = model.load()) {
      double[] gains =
          KeptGains.of(context.file(GAINS), gain(), loaded, chosen, context.progress(0, 0.1));
      InformationGainSelection.Selection selection =
          new InformationGainSelection(preview ? 1 : mine.keepShare()).select(chosen, gains);
      NegativeMiner miner =
          new NegativeMiner(loaded, negatives, SampleVerifier.INSTANCE, mine.options());
      MiningReport report =
          miner.mine(
              selection.kept(), selection.gains(), context.file(STORE), context.progress(0.1, 1));
      AtomicFiles.write(context.file("mining.json"), Json.text(report));
    }
  }

  private void show(Path store) {
    PrintWriter console = specification.commandLine().getOut();
    console.println("Preview, sample by sample:");
    for (PreferenceRecord pair : PreferenceStore.read(store)) {
      console.printf(
          Locale.ROOT,
          "  kept      %+8.2f nats  %s%n      right: %s%n      rejected: %s%n",
          pair.scores().delta(),
          shortened(pair.question()),
          shortened(pair.chosen()),
          shortened(pair.rejected()));
    }
    for (DroppedSample sample : PreferenceStore.readDropped(store)) {
      console.printf(
          Locale.ROOT,
          "  left out  %+8.2f nats  %s: %s (answered: %s)%n",
          sample.delta(),
          shortened(sample.id()),
          sample.reason().toLowerCase(Locale.ROOT).replace('_', ' '),
          shortened(sample.answer()));
    }
    console.flush();
  }

  private static String shortened(String text) {
    return Excerpt.beginning(text, SHOWN_CHARACTERS);
  }

  private void summarise(Path stage) {
    MiningReport report = Json.read(stage.resolve("mining.json"), MiningReport.class);
    PrintWriter console = specification.commandLine().getOut();
    console.printf(
        Locale.ROOT,
        "%d of %d samples gave a pair%s.%n",
        report.usable(),
        report.samples(),
        negatives.asksModel()
            ? String.format(
                Locale.ROOT,
                "; perturbing changed the right answers' log-prob by %.2f nats on average",
                report.meanDelta())
            : ", rejected answers as imported");
    report
        .droppedByReason()
        .forEach(
            (reason, count) ->
                console.printf(
                    "  left out: %s %d%n",
                    reason.name().toLowerCase(Locale.ROOT).replace('_', ' '), count));
    if (report.usable() > 0) {
      console.printf(
          Locale.ROOT,
          "%.0f %% of the rejected answers are what the model says to a blind image.%n",
          100 * report.priorShare());
    }
    console.println("Pairs: " + stage.resolve(STORE));
    console.flush();
  }
}
