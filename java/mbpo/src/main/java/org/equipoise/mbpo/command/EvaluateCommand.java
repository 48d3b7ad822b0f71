package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.model.LogitRules;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.report.ConsoleTable;
import org.equipoise.mbpo.report.HtmlReport;
import org.equipoise.mbpo.report.ReportData;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.report.SettingGroup;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code equipoise evaluate}. */
@Command(
    name = "evaluate",
    description = {
      "Measures how often a model is right, and how often it is right without seeing the image: the"
          + " difference is what the images are good for.",
      "Reads data.samples: questions of yes or no, with options, or captions with the objects that"
          + " are there; or POPE's files. Words are compared whole."
    })
public final class EvaluateCommand implements Callable<Integer> {
  private static final String RESULTS = "results.csv";
  private static final String REPORT = "report.html";

  @Spec private CommandSpec specification;
  @Mixin private SettingsOptions options;

  @Option(
      names = "--pope",
      paramLabel = "FILE",
      description = "Questions in POPE's format, instead of data.samples.")
  private Path pope;

  @Option(
      names = "--images",
      paramLabel = "FOLDER",
      description = "Folder of the images of --pope.")
  private Path images;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "evaluation",
      description = "Where results.csv and report.html are written (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Option(
      names = "--overwrite",
      description =
          "Replace results.csv and report.html in the folder of --out although they were changed"
              + " since, or no run wrote them.")
  private boolean overwrite;

  @Option(names = "--dry-run", description = "Check everything, say what would be done, stop.")
  private boolean dryRun;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new EvaluateCommand();
    }
  }

  @Override
  public Integer call() {
    RunSettings settings = options.load();
    PrintWriter messages = specification.commandLine().getErr();
    if (pope != null && images == null) {
      throw new IllegalArgumentException("--pope needs --images, the folder of its images");
    }
    EvaluationOptions evaluation = settings.bind("evaluate", EvaluationOptions.class);
    new OutputPlace(settings)
        .reads("data.samples")
        .input("--config", options.file())
        .input("--pope", pope)
        .requireRunFolder(out, RESULTS, REPORT, InputSamples.DROPPED);
    CheckedModel checked = CheckedModel.toAsk(settings, evaluation.generation(), messages);
    InputSamples input =
        new InputSamples(
            settings, checked, evaluation.generation().maxNewTokens(), dryRun, messages);
    List<Sample> samples =
        pope != null ? input.pope(pope, images) : input.toEvaluate("data.samples");
    // Without an image there is nothing to be blind to.
    List<Sample> seen = samples.stream().filter(s -> !s.images().isEmpty()).toList();
    List<Sample> yesNo = seen.stream().filter(SampleVerifier::isYesNo).toList();
    List<Sample> choice = seen.stream().filter(s -> !s.options().isEmpty()).toList();
    List<Sample> captions =
        seen.stream().filter(s -> s.options().isEmpty() && !s.objects().isEmpty()).toList();
    int used = yesNo.size() + choice.size() + captions.size();
    messages.printf(
        "%d questions of yes or no, %d with options, %d captions; %d of other kinds and %d"
            + " without an image are left out%n",
        yesNo.size(),
        choice.size(),
        captions.size(),
        seen.size() - used,
        samples.size() - seen.size());
    messages.flush();
    if (used == 0) {
      throw new IllegalArgumentException(
          (pope != null ? pope : settings.requiredPath("data.samples"))
              + ": nothing can be evaluated: expected answers of yes or no, options, or objects;"
              + " found none of them");
    }
    // Loads LibTorch, which takes seconds: after what is refused without it.
    Equipoise.threads(settings.bind("threads", Integer.class));
    if (dryRun) {
      return ExitCode.OK;
    }
    List<ResultTable> tables = new ArrayList<>();
    try (RunFolder run = openFolder();
        QwenModel model = checked.load()) {
      LogitRules rules = checked.rules(model);
      SightTables sight =
          new SightTables(
              model, evaluation.withGeneration(evaluation.generation().withRules(rules)));
      if (!yesNo.isEmpty()) {
        tables.addAll(sight.yesNo(yesNo));
      }
      if (!choice.isEmpty()) {
        tables.add(sight.multipleChoice(choice));
      }
      if (!captions.isEmpty()) {
        tables.add(sight.captions(captions));
      }
      write(settings, model.name(), tables, run);
      input.writeDropped(run);
    }
    PrintWriter console = specification.commandLine().getOut();
    tables.forEach(table -> console.println(ConsoleTable.render(table, Charset.defaultCharset())));
    console.println("Report: " + out.resolve(REPORT).toAbsolutePath().toUri());
    console.flush();
    return ExitCode.OK;
  }

  private static void write(
      RunSettings settings, String model, List<ResultTable> tables, RunFolder run) {
    run.write(RESULTS, file -> AtomicFiles.write(file, ResultCsv.format(tables)));
    ReportData report =
        ReportData.builder(
                "What the images are good for",
                "Answers of "
                    + model
                    + " with the images and with blind ones of the same size and one colour.")
            .results(tables)
            .settings(
                List.of(
                    SettingGroup.of("Model", settings.bind("model", ModelSettings.class)),
                    SettingGroup.of(
                        "Evaluation", settings.bind("evaluate", EvaluationOptions.class))))
            .build();
    run.write(REPORT, file -> HtmlReport.write(report, file));
  }

  /** What would be replaced is looked at before questions are asked for hours. */
  private RunFolder openFolder() {
    RunFolder run = RunFolder.open(out);
    try {
      run.requireReplaceable(overwrite, RESULTS, REPORT, InputSamples.DROPPED);
      return run;
    } catch (RuntimeException e) {
      run.close();
      throw e;
    }
  }
}
