package org.equipoise.mbpo.demo;

import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ConsoleRun;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.report.ConsoleTable;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code equipoise demo}: the whole way from composed scenes to a balanced model and its report.
 */
@Command(
    name = "demo",
    description = {
      "Trains a small vision-language model that answers from its language prior, mines hard"
          + " negatives, trains it with MBPO and with baselines, and reports what changed.",
      "A run that was interrupted goes on when the same command is given again."
    })
public final class DemoCommand implements Callable<Integer> {
  @Spec private CommandSpec specification;

  @Option(
      names = "--seed",
      defaultValue = "20",
      description = "Key of data, weights and sampling (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--quick",
      description = "Small scale, under two minutes. Shows the way through; claims nothing.")
  private boolean quick;

  @Option(
      names = "--ablation",
      description =
          "Also MBPO without each of its parts, and one thing changed at a time: 21 trainings more,"
              + " about half an hour.")
  private boolean ablation;

  @Option(
      names = "--development",
      description =
          "Instead, every trainer at five learning rates, and variations of MBPO: what the settings"
              + " were chosen by, on seeds that no result is from. Three quarters of an hour.")
  private boolean development;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Where everything is written (default: demo-run; with --quick demo-run-quick).")
  private Path out;

  @Option(
      names = "--threads",
      defaultValue = "2",
      description =
          "Stages at the same time, one thread each; results do not depend on it"
              + " (default: ${DEFAULT-VALUE}).")
  private int threads;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new DemoCommand();
    }
  }

  @Override
  public Integer call() {
    if (threads < 1) {
      throw new ParameterException(
          specification.commandLine(), "--threads must be at least 1, found " + threads);
    }
    DemoConfig config = quick ? DemoConfig.quick(seed) : DemoConfig.full(seed);
    Path folder = out != null ? out : Path.of(quick ? "demo-run-quick" : "demo-run");
    if (quick) {
      System.err.println(
          "Quick run: a few training steps on little data, to see the way through."
              + " Its numbers claim nothing.");
    }
    Equipoise.threads(1);
    try (RunFolder run = RunFolder.open(folder)) {
      if (!development) {
        run(run, config, DemoPlan.main(config));
      }
      if (ablation) {
        run(run, config, DemoPlan.ablation(config));
      }
      if (development) {
        run(run, config, DemoPlan.development(config));
      }
    }
    return ExitCode.OK;
  }

  private void run(RunFolder run, DemoConfig config, DemoPlan plan) {
    StageGraph graph = new DemoPipeline(config, plan).graph();
    ConsoleRun.run(graph, run, threads, () -> Equipoise.threads(1));
    Path report = run.stage(plan.name());
    Path csv = report.resolve(DemoReport.CSV);
    for (var table : ResultCsv.parse(csv.toString(), AtomicFiles.readText(csv))) {
      System.out.println(ConsoleTable.render(table, Charset.defaultCharset()));
    }
    if (quick) {
      System.err.println("A quick run: these numbers claim nothing.");
    }
    System.out.println("Report: " + report.resolve(DemoReport.HTML).toUri());
  }
}
