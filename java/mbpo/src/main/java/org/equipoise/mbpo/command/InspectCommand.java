package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.ContextLength;
import org.equipoise.mbpo.checkpoint.MemoryEstimate;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.checkpoint.QwenImageProcessor;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.torch.WidenedProducts;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code equipoise inspect}. */
@Command(
    name = "inspect",
    description =
        "Checks what can be known of a checkpoint without reading its weights, says what is in it"
            + " and whether it will fit into this machine's memory.")
public final class InspectCommand implements Callable<Integer> {
  private static final double GIB = 1L << 30;
  private static final int SHOWN = 200;
  private static final int[] IMAGE_TOKENS = {128, 512, 2048};

  @Spec private CommandSpec specification;

  @Option(
      names = "--text-tokens",
      defaultValue = "128",
      paramLabel = "N",
      description = "Tokens of prompt and answer (default: ${DEFAULT-VALUE}).")
  private int textTokens;

  @Option(
      names = "--rows",
      defaultValue = "2",
      paramLabel = "N",
      description =
          "Answers in one pass: train.*.microBatch, for DPO twice that (default:"
              + " ${DEFAULT-VALUE}).")
  private int rows;

  @Option(
      names = "--rank",
      defaultValue = "16",
      paramLabel = "N",
      description = "Rank of the adapters (default: ${DEFAULT-VALUE}).")
  private int rank;

  @Option(
      names = "--keep-activations",
      description = "As with train.recomputeActivations=false: faster, and needs more.")
  private boolean keepActivations;

  @Parameters(paramLabel = "FOLDER", description = "The checkpoint's folder.")
  private Path folder;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new InspectCommand();
    }
  }

  private static void requirePositive(String option, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(option + " must be at least 1, found " + value);
    }
  }

  @Override
  public Integer call() {
    requirePositive("--text-tokens", textTokens);
    requirePositive("--rows", rows);
    requirePositive("--rank", rank);
    QwenCheckpoint checkpoint = QwenCheckpoint.open(folder);
    QwenConfig config = checkpoint.config();
    PrintWriter out = specification.commandLine().getOut();
    long parameters = MemoryEstimate.parameters(config);
    out.printf(
        Locale.ROOT,
        "%s, %.1f million parameters in %d tensors of %d files%n",
        config.generation().modelType(),
        parameters / 1e6,
        checkpoint.weights().names().size(),
        checkpoint.weights().files().size());
    Map<String, Long> bytesByType = new TreeMap<>();
    for (String name : checkpoint.weights().names()) {
      var entry = checkpoint.weights().entry(name);
      bytesByType.merge(entry.type().name(), entry.bytes(), Long::sum);
    }
    bytesByType.forEach(
        (type, bytes) ->
            out.printf(Locale.ROOT, "  %s: %s%n", type.toLowerCase(Locale.ROOT), size(bytes)));
    QwenConfig.Text text = config.text();
    out.printf(
        "language model: %d layers of width %d, %d heads, %d of keys and values, %d tokens,"
            + " head %s%n",
        text.layers(),
        text.width(),
        text.heads(),
        text.keyValueHeads(),
        text.vocabulary(),
        config.tiedHead() ? "tied to the embedding" : "of its own");
    QwenConfig.Vision vision = config.vision();
    out.printf(
        "vision tower: %d layers of width %d, patches of %d pixels, one token for %dx%d pixels%n",
        vision.depth(),
        vision.width(),
        vision.patchSize(),
        vision.pixelMultiple(),
        vision.pixelMultiple());
    table(out, config);
    List<String> remarks = new ArrayList<>(checkpoint.remarks(null));
    remarks.addAll(checkpoint.generation().remarks(GenerationOptions.greedy()));
    remarks.addAll(checkpoint.generation().remarksOfPolicy());
    remarks.forEach(remark -> out.println("Note: " + remark));
    out.flush();
    // Last: what is known of the weights has been said when a template or processor is refused.
    texts(out, checkpoint.inputs(Long.MAX_VALUE));
    ContextLength context = checkpoint.contextLength();
    out.printf("context: at most %d tokens, %s%n", context.tokens(), context.source());
    out.flush();
    return ExitCode.OK;
  }

  /** What is done with images and texts. */
  private static void texts(PrintWriter out, QwenCheckpoint.Inputs inputs) {
    QwenImageProcessor images = inputs.processor();
    out.printf(
        Locale.ROOT,
        "%nimages: resized to between %d and %d pixels (at most model.maxPixels)%n",
        images.minPixels(),
        images.maxPixels());
    String system = inputs.tokenizer().system();
    out.printf(
        "chats: Qwen2-VL's format, %s%n",
        system == null
            ? "without a system's turn"
            : "system's turn \"" + Excerpt.beginning(system, SHOWN) + "\"");
  }

  private void table(PrintWriter out, QwenConfig config) {
    long machine = machineBytes();
    out.printf(
        "%nMemory for %d sequences of %d text tokens and an image each; this machine has %s.%n",
        rows, textTokens, size(machine));
    out.printf(
        "%-34s %14s %14s %14s%n", "", tokens(config, 0), tokens(config, 1), tokens(config, 2));
    for (int elementBytes : new int[] {2, 4}) {
      String type = elementBytes == 2 ? "bfloat16" : "float32";
      row(out, "generate, " + type, config, null, elementBytes, machine, false);
      LoraOptions lora = LoraOptions.defaults().withRank(rank);
      row(out, "train adapters, " + type, config, lora, elementBytes, machine, true);
    }
    row(out, "train all weights, float32", config, null, 4, machine, true);
    out.println(
        "! does not fit. Weights of the file's own type are mapped and need not all be in memory at"
            + " once.");
    if (WidenedProducts.pay(ScalarType.BFloat16)) {
      out.println(
          "This processor has no fast bfloat16 products: they are computed in float32. Where"
              + " float32 weights fit, --set model.type=FLOAT32 is faster, most of all for mine and"
              + " attack.");
    }
  }

  private static String tokens(QwenConfig config, int column) {
    long side = config.vision().pixelMultiple();
    return IMAGE_TOKENS[column] * side * side / 1000 + " kpixel";
  }

  private void row(
      PrintWriter out,
      String name,
      QwenConfig config,
      @Nullable LoraOptions lora,
      int elementBytes,
      long machine,
      boolean training) {
    out.printf("%-34s", name);
    for (int imageTokens : IMAGE_TOKENS) {
      MemoryEstimate estimate =
          MemoryEstimate.of(
              config, lora, elementBytes, imageTokens, textTokens, rows, !keepActivations);
      long bytes = training ? estimate.training() : estimate.generation();
      out.printf(" %14s", size(bytes) + (bytes > machine ? " !" : ""));
    }
    out.println();
  }

  private static String size(long bytes) {
    return bytes < GIB
        ? String.format(Locale.ROOT, "%.1f MiB", bytes / GIB * 1024)
        : String.format(Locale.ROOT, "%.1f GiB", bytes / GIB);
  }

  static long machineBytes() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }
}
