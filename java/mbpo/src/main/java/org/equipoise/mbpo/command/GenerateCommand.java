package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code equipoise generate}. */
@Command(
    name = "generate",
    description = {
      "Answers a question about an image or several, or a question alone.",
      "How answers are generated is under `generate` in the settings."
    })
public final class GenerateCommand implements Callable<Integer> {
  @Spec private CommandSpec specification;
  @Mixin private SettingsOptions options;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description =
          "An image; several times for a question about several, in their order. Without one the"
              + " question is asked alone.")
  private List<Path> images = List.of();

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "1",
      description = "So many answers; with a temperature above 0 (default: ${DEFAULT-VALUE}).")
  private int samples;

  @Option(names = "--dry-run", description = "Check everything, say what would be done, stop.")
  private boolean dryRun;

  @Parameters(paramLabel = "QUESTION", description = "The question.")
  private String question;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new GenerateCommand();
    }
  }

  private Sample asked() {
    List<ImageSource> seen = images.stream().map(ImageSource::of).toList();
    return new Sample("asked", seen, question, "", "", List.of(), null, List.of());
  }

  @Override
  public Integer call() {
    RunSettings settings = options.load();
    GenerationOptions generation = settings.bind("generate", GenerationOptions.class);
    if (samples < 1 || samples > 1 && generation.temperature() == 0) {
      throw new IllegalArgumentException(
          "--samples must be at least 1, and several answers need a temperature: --set"
              + " generate.temperature=1; found "
              + samples);
    }
    PrintWriter remarks = specification.commandLine().getErr();
    CheckedModel checked = CheckedModel.toAsk(settings, generation, remarks);
    DataLimits limits = settings.bind("data.limits", DataLimits.class);
    InputCheck check = new InputCheck(checked, limits, generation.maxNewTokens(), dryRun, remarks);
    List<RgbImage> pictures = images.stream().map(check::decoded).toList();
    check.text("QUESTION", question, 0);
    check.fits(asked(), generation.maxNewTokens());
    // Loads LibTorch, which takes seconds: after what is refused without it.
    Equipoise.threads(settings.bind("threads", Integer.class));
    if (dryRun) {
      remarks.printf("%s would be asked about %d images%n", checked.name(), pictures.size());
      return ExitCode.OK;
    }
    PrintWriter out = specification.commandLine().getOut();
    try (PointerScope scope = new PointerScope();
        QwenModel model = checked.load()) {
      int[] prompt =
          pictures.isEmpty()
              ? model.tokenizer().encodeTextPrompt(question)
              : model.tokenizer().encodePrompt(pictures.size(), question);
      ImageBatch seen =
          pictures.isEmpty()
              ? null
              : ImageBatch.ofQuestions(
                  Collections.nCopies(
                      samples, model.imageProcessor().resize(new Images(pictures))));
      long[] streams = new long[samples];
      for (int i = 0; i < samples; i++) {
        streams[i] = i;
      }
      long started = System.nanoTime();
      List<GeneratedAnswer> answers =
          model.generate(
              seen,
              Collections.nCopies(samples, prompt),
              streams,
              generation.withRules(checked.rules(model)));
      double seconds = (System.nanoTime() - started) / 1e9;
      int tokens = 0;
      // The answers alone: what is said about them goes to the error output.
      for (int i = 0; i < samples; i++) {
        GeneratedAnswer answer = answers.get(i);
        out.println(answer.text());
        tokens += answer.tokens().length;
        if (!answer.finished()) {
          remarks.printf(
              "answer %d of %d was cut at the length limit of %d tokens; generate.maxNewTokens"
                  + " raises it%n",
              i + 1, samples, generation.maxNewTokens());
        }
      }
      out.flush();
      remarks.println(
          String.format(
              Locale.ROOT,
              "%d tokens in %.1f s, %.1f tokens/s with the prompt's pass",
              tokens,
              seconds,
              tokens / seconds));
    }
    return ExitCode.OK;
  }
}
