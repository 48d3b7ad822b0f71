package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.MineSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code equipoise attack}. */
@Command(
    name = "attack",
    description = {
      "Perturbs an image so that an answer becomes improbable, and shows what the model says then.",
      "How images are perturbed is under `mine` in the settings. The PNG has the size that the"
          + " model sees; it is read again for the last row."
    })
public final class AttackCommand implements Callable<Integer> {
  @Spec private CommandSpec specification;
  @Mixin private SettingsOptions options;

  @Option(names = "--image", required = true, paramLabel = "FILE", description = "The image.")
  private Path image;

  @Option(
      names = "--answer",
      required = true,
      paramLabel = "TEXT",
      description = "The answer that is to become improbable.")
  private String answer;

  @Option(
      names = "--out",
      paramLabel = "FILE.png",
      defaultValue = "attacked.png",
      description = "Where the perturbed image is written (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Option(names = "--overwrite", description = "Replace the file of --out if it is there.")
  private boolean overwrite;

  @Option(names = "--dry-run", description = "Check everything, say what would be done, stop.")
  private boolean dryRun;

  @Parameters(paramLabel = "QUESTION", description = "The question.")
  private String question;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new AttackCommand();
    }
  }

  @Override
  public Integer call() {
    RunSettings settings = options.load();
    requireFree(settings);
    MineSettings mine = settings.bind("mine", MineSettings.class);
    GenerationOptions generation = settings.bind("generate", GenerationOptions.class);
    PrintWriter messages = specification.commandLine().getErr();
    CheckedModel checked = CheckedModel.toAsk(settings, null, messages);
    DataLimits limits = settings.bind("data.limits", DataLimits.class);
    InputCheck check = new InputCheck(checked, limits, generation.maxNewTokens(), dryRun, messages);
    Sample sample =
        Sample.of("attacked", ImageSource.of(check.decoded(image)), question, answer, "");
    NegativeSource negatives =
        mine.negatives(List.of(sample), limits, settings.bind("seed", Long.class));
    check.text("QUESTION", question, 0);
    int answerTokens = check.text("--answer", answer, 0);
    check.fits(
        sample.withImages(List.of(ImageSource.of(image))),
        Math.max(answerTokens, generation.maxNewTokens()));
    // Loads LibTorch, which takes seconds: after what is refused without it.
    Equipoise.threads(settings.bind("threads", Integer.class));
    if (dryRun) {
      messages.printf(
          "%s would be attacked by %s images, the result written to %s%n",
          checked.name(), negatives.name(), out);
      return ExitCode.OK;
    }
    try (PointerScope scope = new PointerScope();
        QwenModel model = checked.load()) {
      RgbImage clean = model.imageProcessor().resize(sample.image().load());
      RgbImage perturbed =
          negatives.perturb(model, List.of(sample), List.of(Images.of(clean))).get(0).only();
      write(perturbed);
      PrintWriter console = specification.commandLine().getOut();
      console.printf(
          Locale.ROOT, "%-22s %14s  %s%n", "image", "log p(answer)", "the model's own answer");
      row(console, model, "clean", clean, sample, generation);
      row(console, model, "perturbed", perturbed, sample, generation);
      RgbImage again = model.imageProcessor().resize(ImageFiles.read(out));
      row(console, model, "perturbed, from file", again, sample, generation);
      console.printf(
          Locale.ROOT,
          "%s: %dx%d, changed by at most %d of 255 levels%n",
          out,
          perturbed.width(),
          perturbed.height(),
          largestChange(clean, perturbed));
      console.flush();
    }
    return ExitCode.OK;
  }

  private static void row(
      PrintWriter console,
      QwenModel model,
      String name,
      RgbImage image,
      Sample sample,
      GenerationOptions generation) {
    TokenSequence sequence = AnswerLogProbs.sequence(model.tokenizer(), sample, sample.answer());
    float[] logProbs =
        new AnswerLogProbs(model, 1)
            .tokenLogProbs(List.of(Images.of(image)), List.of(sequence), AnswerLogProbs.Sight.IMAGE)
            .get(0);
    double sum = 0;
    for (float value : logProbs) {
      sum += value;
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      String text =
          model
              .generate(
                  ImageBatch.ofImages(List.of(image)),
                  List.of(sequence.prompt()),
                  new long[1],
                  generation)
              .get(0)
              .text();
      console.printf(
          Locale.ROOT, "%-22s %14.3f  %s%n", name, sum, Excerpt.beginning(text, text.length()));
    }
  }

  private void requireFree(RunSettings settings) {
    new OutputPlace(settings)
        .input("--image", image)
        .input("--config", options.file())
        .requireFile(out);
    boolean file = Files.isRegularFile(out, LinkOption.NOFOLLOW_LINKS);
    if (Files.exists(out, LinkOption.NOFOLLOW_LINKS) && !(overwrite && file)) {
      throw new IllegalArgumentException(
          out + ": is there already; name another --out, or give --overwrite to replace a file");
    }
  }

  private void write(RgbImage perturbed) {
    byte[] png = ImageFiles.encodePng(perturbed);
    if (overwrite) {
      AtomicFiles.write(out, png);
    } else {
      AtomicFiles.writeNew(out, png);
    }
  }

  private static int largestChange(RgbImage a, RgbImage b) {
    int largest = 0;
    for (int i = 0; i < a.planes().length; i++) {
      largest = Math.max(largest, Math.abs((a.planes()[i] & 0xff) - (b.planes()[i] & 0xff)));
    }
    return largest;
  }
}
