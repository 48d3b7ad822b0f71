package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.PeftAdapter;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/**
 * What is wrong with a checkpoint, an adapter or a data set is said by {@code inspect} and by dry
 * runs, and by real runs before they begin: one damage each.
 */
class EarlyChecksTest {
  private static final String QUESTION = "is there a car ?";
  private static final String INSPECT = "inspect";
  private static final String GENERATE = "generate";
  private static final String ATTACK = "attack";
  private static final String MINE = "mine";
  private static final String EVALUATE = "evaluate";
  private static final String SFT = "train SFT";
  private static final String DPO = "train DPO";
  private static final String HYBRID = "train HYBRID";

  @TempDir Path folder;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  /** Changes one thing among the test's files. */
  private interface Damage {
    void to(EarlyChecksTest test) throws IOException;
  }

  /**
   * @param name what is wrong
   * @param command what is run
   * @param settings KEY=VALUE; FOLDER stands for the test's folder
   * @param said what the sentence holds, file and place among it
   */
  private record Case(
      String name, String command, List<String> settings, Damage damage, List<String> said) {
    Case with(String... more) {
      return new Case(name, command, List.of(more), damage, said);
    }

    @Override
    public String toString() {
      return command + ": " + name;
    }
  }

  private static Case of(String name, String command, Damage damage, String... said) {
    return new Case(name, command, List.of(), damage, List.of(said));
  }

  static Stream<Case> cases() {
    return Stream.of(checkpoints(), adapters(), images(), texts(), pairs()).flatMap(s -> s);
  }

  private static Case configured(String name, String from, String to, String... said) {
    return of(name, INSPECT, test -> test.replace("checkpoint/config.json", from, to), said);
  }

  private static Stream<Case> checkpoints() {
    String json = "checkpoint/tokenizer.json";
    return Stream.of(
        configured(
            "a layer is missing",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            "checkpoint",
            "layers.2.input_layernorm.weight is missing"),
        configured(
            "a layer too many",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 1",
            "checkpoint",
            "layers.1.input_layernorm.weight is unknown"),
        configured(
            "another shape",
            "\"intermediate_size\": 64",
            "\"intermediate_size\": 66",
            "checkpoint",
            "mlp.gate_proj.weight has shape [64, 32], expected [66, 32]"),
        of(
            "whole numbers for weights",
            INSPECT,
            test -> test.quantised(),
            "checkpoint",
            "model.norm.weight"),
        of(
            "no tokenizer",
            INSPECT,
            test -> Files.delete(test.file(json)),
            "checkpoint",
            "tokenizer.json"),
        of(
            "half a tokenizer",
            INSPECT,
            test -> test.write(json, "{\"version\": \"1.0\","),
            "tokenizer.json"),
        of(
            "a tokenizer of another format",
            INSPECT,
            test -> test.replace(json, "<|im_end|>", "<|over|>"),
            "tokenizer.json",
            "<|im_end|>"),
        configured(
            "a tokenizer that has another id for images",
            "\"image_token_id\": 316",
            "\"image_token_id\": 318",
            "tokenizer.json",
            "image_token_id",
            "318"),
        of(
            "a foreign chat template",
            INSPECT,
            test -> test.write("checkpoint/chat_template.jinja", "{{ messages }}"),
            "checkpoint",
            "template"),
        of(
            "a processor with two means",
            INSPECT,
            test -> test.replace("checkpoint/preprocessor_config.json", "0.4578275,", ""),
            "preprocessor_config.json",
            "image_mean"),
        of(
            "an end that is no id",
            INSPECT,
            test -> test.write("checkpoint/generation_config.json", "{\"eos_token_id\": \"</s>\"}"),
            "generation_config.json",
            "eos_token_id"),
        of("images below one token", GENERATE, test -> {}, "model.maxPixels")
            .with("model.maxPixels=100"),
        of(
                "a result in the place of what it is made of",
                "train SFT --merge",
                test ->
                    Files.move(
                        test.file("checkpoint"),
                        Files.createDirectories(test.file("earlier/train")).resolve("merged")),
                "earlier/train/merged",
                "another folder")
            .with("model.folder=FOLDER/earlier/train/merged"),
        of("a missing tokenizer", SFT, test -> Files.delete(test.file(json)), "tokenizer.json"),
        of("16-bit weights to train", SFT, test -> {}, "train.full", "model.type=FLOAT32")
            .with("train.full=true", "model.type=BFLOAT16"),
        of("all weights of the file's type", SFT, test -> {}, "train.full", "model.type=FLOAT32")
            .with("train.full=true", "model.type=FILE"),
        of("all weights under an adapter", SFT, EarlyChecksTest::adapter, "model.adapter")
            .with("train.full=true", "model.adapter=FOLDER/adapter"),
        of("more threads than none", EVALUATE, test -> {}, "thread").with("threads=0"));
  }

  private static Case adapter(String name, Damage damage, String... said) {
    return of(
            name,
            GENERATE,
            test -> {
              test.adapter();
              damage.to(test);
            },
            said)
        .with("model.adapter=FOLDER/adapter");
  }

  private static Stream<Case> adapters() {
    String weights = "adapter/adapter_model.safetensors";
    String config = "adapter/adapter_config.json";
    return Stream.of(
        of("targets that match nothing", SFT, test -> {}, "train.lora.targets", "q_projection")
            .with("train.lora.targets=q_projection"),
        adapter(
            "targets of another model",
            test -> test.replace(config, "language_model", "text_model"),
            "adapter_config.json",
            "target_modules"),
        adapter(
            "no weights", test -> Files.delete(test.file(weights)), "adapter_model.safetensors"),
        adapter("half the weights", test -> test.cut(weights, 0.5), "adapter_model.safetensors"),
        adapter(
            "another rank",
            test -> test.replace(config, "\"r\":2", "\"r\":4"),
            "adapter_model.safetensors",
            "lora_A",
            "[2, 32]",
            "[4, 32]"),
        adapter(
            "fewer layers",
            test -> test.replace(config, "(gate|up|down)", "(gate|up)"),
            "adapter_model.safetensors",
            "down_proj"));
  }

  private static Case imaged(String name, String command, String file, Damage damage) {
    return of(
        name,
        command,
        test -> {
          damage.to(test);
          test.addSample(file, QUESTION, "no");
        },
        "samples.jsonl:3",
        file);
  }

  private static Stream<Case> images() {
    return Stream.of(
        imaged("a cut JPEG", MINE, "cut.jpg", test -> test.encoded("cut.jpg", 0.6)),
        imaged("a cut PNG", SFT, "cut.png", test -> test.encoded("cut.png", 0.6)),
        imaged("a cut WebP", EVALUATE, "cut.webp", test -> test.encoded("cut.webp", 0.6)),
        imaged("a cut BMP", MINE, "cut.bmp", test -> test.encoded("cut.bmp", 0.01)),
        imaged("the start of a header", SFT, "cut.png", test -> test.encoded("cut.png", 0.001)),
        imaged("an empty image", EVALUATE, "empty.png", test -> test.write("empty.png", "")),
        imaged("no image", SFT, "text.png", test -> test.write("text.png", "<html>")),
        imaged("a line of pixels", MINE, "line.png", test -> test.blank("line.png", 300, 1)),
        imaged("a line as JPEG", EVALUATE, "line.jpg", test -> test.blank("line.jpg", 1, 300)),
        imaged("a line as WebP", SFT, "line.webp", test -> test.blank("line.webp", 300, 1)),
        imaged(
            "a PNG whose chunk is longer than the file", SFT, "long.png", test -> test.longChunk()),
        of(
                "an image for a question of its own",
                GENERATE,
                test -> test.blank("image-0.png", 1, 300),
                "image-0.png",
                "200")
            .with(),
        of(
            "an image to perturb",
            ATTACK,
            test -> test.blank("image-0.png", 1, 300),
            "image-0.png",
            "200"));
  }

  private static Case answered(String name, String command, String answer, String... said) {
    return of(name, command, test -> test.addSample("image-0.png", QUESTION, answer), said);
  }

  private static Case optional(String name, String command, String options, String... said) {
    return of(
        name,
        command,
        test ->
            test.addLine(
                "{\"id\": \"o\", \"image\": \"image-0.png\", \"question\": \"which ?\", \"answer\":"
                    + " \"cat\", \"options\": "
                    + options
                    + "}"),
        said);
  }

  private static Case twins(String name, String first, String second, String... said) {
    return of(
        name,
        MINE,
        test -> {
          test.addLine(twin("a", first));
          test.addLine(twin("b", second));
        },
        said);
  }

  private static String twin(String id, String twin) {
    return "{\"id\": \"%s\", \"image\": \"image-0.png\", \"question\": \"q\", \"answer\": \"no\"%s}"
        .formatted(id, twin.isEmpty() ? "" : ", \"twin\": \"" + twin + "\"");
  }

  private static Stream<Case> texts() {
    return Stream.of(
        answered("an empty answer", MINE, "", "samples.jsonl:3", "answer"),
        answered("an empty answer", SFT, "", "samples.jsonl:3", "answer"),
        optional("gold outside the options", MINE, "[\"dog\", \"cow\"]", ":3", "options", "cat"),
        optional("gold outside the options", EVALUATE, "[\"dog\", \"cow\"]", ":3", "options"),
        optional("gold outside the options", HYBRID, "[\"dog\", \"cow\"]", ":3", "options"),
        optional("an empty option", EVALUATE, "[\"cat\", \"\"]", "samples.jsonl:3", "token"),
        of(
            "an object without a word",
            EVALUATE,
            test ->
                test.addLine(
                    "{\"image\": \"image-0.png\", \"question\": \"describe\", \"answer\": \"a cat"
                        + " sits\", \"objects\": [\"cat\", \"-\"]}"),
            "samples.jsonl:3",
            "\"-\""),
        of(
            "nothing that can be evaluated",
            EVALUATE,
            test ->
                test.write("samples.jsonl", sample("image-0.png", "what ?", "a large car") + "\n"),
            "samples.jsonl",
            "nothing can be evaluated"),
        twins("twins that do not agree", "b", "c", "samples.jsonl", "b as its twin, which names c"),
        twins("no twin", "b", "", "samples.jsonl", "twin").with("mine.baseline=TWIN"),
        of("an only sample to swap", MINE, test -> test.onlyFirst(), "at least two samples")
            .with("mine.source=SWAPPED"));
  }

  private static Case paired(String name, String from, String to, String... said) {
    return of(name, DPO, test -> test.replace("pairs/preferences.jsonl", from, to), said);
  }

  private static Stream<Case> pairs() {
    String second = "preferences.jsonl:2";
    return Stream.of(
        of(
            "an image of a pair is missing",
            DPO,
            test -> Files.delete(test.file("pairs/images/1.png")),
            second,
            "1.png"),
        of(
            "an image of a pair is cut",
            HYBRID,
            test -> test.cut("pairs/images/1.png", 0.6),
            second,
            "1.png"),
        of(
            "an image of a pair is a line",
            DPO,
            test -> test.blank("pairs/images/1.png", 1, 300),
            second,
            "1.png"),
        paired("nothing was chosen", "\"yes\"", "\"\"", second, "chosen"));
  }

  @BeforeEach
  void files() throws IOException {
    TinyCheckpoint.copyInto(file("checkpoint"));
    Files.createDirectories(file("pairs/images"));
    StringBuilder pairs = new StringBuilder();
    for (int i = 0; i < 2; i++) {
      Path image = TinyCheckpoint.resource("image-" + i + ".png");
      Files.copy(image, file("image-" + i + ".png"));
      Files.copy(image, file("pairs/images/" + i + ".png"));
      pairs.append(pair(i, i == 0 ? "no" : "yes")).append('\n');
    }
    write("pairs/preferences.jsonl", pairs.toString());
    write("samples.jsonl", sample("image-0.png", QUESTION, "yes") + "\n");
    addSample("image-1.png", QUESTION, "no");
    write(
        "run.yaml",
        """
        threads: 1
        model: {folder: "FOLDER/checkpoint", type: FLOAT32}
        data: {samples: "FOLDER/samples.jsonl", prompts: "FOLDER/samples.jsonl", pairs: "FOLDER/pairs"}
        mine:
          steps: 1
          keepShare: 1
          preview: 0
          options: {generation: {maxNewTokens: 1}}
        generate: {maxNewTokens: 1}
        evaluate: {generation: {maxNewTokens: 1}}
        train:
          sft: {steps: 1, batchSize: 3}
          dpo: {steps: 1, batchPairs: 2}
          hybrid:
            iterations: 1
            offline: {pairsPerIteration: 2}
            online: {promptsPerIteration: 3, groupSize: 2, maxNewTokens: 1, keepZeroVariance: true}
        """
            .replace("FOLDER", folder.toString()));
  }

  private static String pair(int number, String chosen) {
    return ("{\"id\": \"%d\", \"images\": [\"images/%d.png\"], \"images_perturbed\":"
            + " [\"images/%d.png\"], \"prompt\": [{\"role\": \"user\", \"content\": \"is it ?\"}],"
            + " \"chosen\": [{\"role\": \"assistant\", \"content\": \"%s\"}], \"rejected\":"
            + " [{\"role\": \"assistant\", \"content\": \"maybe\"}], \"kind\": \"open\","
            + " \"twin\": null, \"source\": \"blank\", \"information_gain\": null, \"scores\":"
            + " {\"log_prob_clean\": -1, \"log_prob_perturbed\": -2, \"delta\": -1,"
            + " \"clean_answer\": \"a\", \"blind_answer\": \"b\", \"equals_blind_answer\": false},"
            + " \"perturbation\": {}}")
        .formatted(number, number, number, chosen);
  }

  private static String sample(String image, String question, String answer) {
    return "{\"image\": \"%s\", \"question\": \"%s\", \"answer\": \"%s\"}"
        .formatted(image, question, answer);
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(file(name), text);
  }

  /** As bytes: also in files that are not text. */
  private void replace(String name, String from, String to) throws IOException {
    String all = Files.readString(file(name), java.nio.charset.StandardCharsets.ISO_8859_1);
    assertTrue(all.contains(from), name + " holds " + from);
    Files.writeString(
        file(name), all.replace(from, to), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private void addLine(String line) throws IOException {
    write("samples.jsonl", Files.readString(file("samples.jsonl")) + line + "\n");
  }

  private void addSample(String image, String question, String answer) throws IOException {
    addLine(sample(image, question, answer));
  }

  private void onlyFirst() throws IOException {
    write("samples.jsonl", sample("image-0.png", QUESTION, "yes") + "\n");
  }

  private void cut(String name, double share) throws IOException {
    byte[] all = Files.readAllBytes(file(name));
    Files.write(file(name), Arrays.copyOf(all, (int) (all.length * share)));
  }

  /** A photograph in the format that the name ends with, of which a share is kept. */
  private void encoded(String name, double share) throws IOException {
    encode(name, ImageFiles.read(file("image-1.png")));
    cut(name, share);
  }

  private void blank(String name, int width, int height) throws IOException {
    encode(name, new RgbImage(width, height, new byte[3 * width * height]));
  }

  private void encode(String name, RgbImage image) throws IOException {
    try (PointerScope scope = new PointerScope()) {
      byte[] png = ImageFiles.encodePng(image);
      Mat pixels =
          opencv_imgcodecs.imdecode(
              new Mat(
                  1,
                  png.length,
                  org.bytedeco.opencv.global.opencv_core.CV_8UC1,
                  new BytePointer(png)),
              opencv_imgcodecs.IMREAD_COLOR);
      BytePointer bytes = new BytePointer();
      opencv_imgcodecs.imencode(name.substring(name.lastIndexOf('.')), pixels, bytes);
      byte[] encoded = new byte[(int) bytes.limit()];
      bytes.get(encoded);
      Files.write(file(name), encoded);
    }
  }

  /** The length of the first chunk of pixels, which stands behind signature and header. */
  private void longChunk() throws IOException {
    byte[] png = Files.readAllBytes(file("image-0.png"));
    png[33] = 0x7f;
    Files.write(file("long.png"), png);
  }

  /** As far as a header goes: whole numbers in the place of a weight. */
  private void quantised() {
    Path weights = file("checkpoint/model.safetensors");
    try (PointerScope scope = new PointerScope()) {
      SafetensorsFile.Contents contents = SafetensorsFile.read(weights);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      tensors.computeIfPresent("model.norm.weight", (name, weight) -> weight.to(ScalarType.Byte));
      SafetensorsFile.write(weights, tensors, contents.metadata());
    }
  }

  private void adapter() {
    try (PointerScope scope = new PointerScope();
        QwenModel model =
            QwenCheckpoint.open(TinyCheckpoint.folder())
                .load(LoraOptions.defaults().rank(2), null, 1 << 20)) {
      PeftAdapter.write(model.adapters(), LoraOptions.defaults().rank(2), "tiny", file("adapter"));
    }
  }

  private List<String> arguments(String command, List<String> settings) {
    if (command.equals(INSPECT)) {
      return List.of(INSPECT, file("checkpoint").toString());
    }
    List<String> arguments = new ArrayList<>(List.of(command.split(" ")[0]));
    arguments.add("--config=" + file("run.yaml"));
    for (String setting : settings) {
      arguments.addAll(List.of("--set", setting.replace("FOLDER", folder.toString())));
    }
    if (command.startsWith("train")) {
      arguments.addAll(List.of("--set", "train.method=" + command.split(" ")[1]));
    }
    if (command.endsWith("--merge")) {
      arguments.addAll(List.of("--merge", "--out", file("earlier").toString()));
      return arguments;
    }
    switch (command) {
      case GENERATE -> arguments.addAll(List.of("--image", file("image-0.png").toString(), "q"));
      case ATTACK ->
          arguments.addAll(
              List.of(
                  "--image",
                  file("image-0.png").toString(),
                  "--answer=no",
                  "--out",
                  file("out").toString(),
                  "q"));
      default -> arguments.addAll(List.of("--out", file("out").toString()));
    }
    return arguments;
  }

  private record Outcome(int code, String said) {}

  private static Outcome run(List<String> arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine = EquipoiseCommand.commandLine();
    int code =
        commandLine
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .execute(arguments.toArray(String[]::new));
    return new Outcome(code, err.toString());
  }

  private static List<String> dry(List<String> arguments) {
    List<String> dry = new ArrayList<>(arguments);
    if (!arguments.get(0).equals(INSPECT)) {
      dry.add("--dry-run");
    }
    return dry;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isSaidBeforeAnythingIsDone(Case wrong) throws IOException {
    List<String> arguments = arguments(wrong.command, wrong.settings);
    wrong.damage.to(this);
    Outcome dry = run(dry(arguments));
    assertEquals(ExitCode.FAILURE, dry.code, dry.said);
    List<String> errors = dry.said.lines().filter(line -> line.startsWith("Error: ")).toList();
    assertEquals(1, errors.size(), dry.said);
    for (String part : wrong.said) {
      assertTrue(errors.get(0).contains(part), "\"" + errors.get(0) + "\" says " + part);
    }
    assertFalse(Files.exists(file("out")), "a dry run writes nothing");
    // What inspect refuses, no command can load.
    String used = wrong.command.equals(INSPECT) ? GENERATE : wrong.command;
    Outcome real = run(arguments(used, wrong.settings));
    assertEquals(ExitCode.FAILURE, real.code, real.said);
    assertEquals(dry.said, real.said, "the same check");
    assertFalse(Files.exists(file("out")), "the run has not begun");
  }

  /** Text that looks like one of the model's own marks is text: it never ends a run. */
  @ParameterizedTest
  @ValueSource(strings = {"<|image_pad|>", "<|im_end|>", "<|vision_start|>"})
  void marksOfTheModelInTexts(String mark) throws IOException {
    List<String> failures = new ArrayList<>();
    write("samples.jsonl", sample("image-0.png", "what says " + mark + " ?", "yes") + "\n");
    addSample("image-1.png", "is there a " + mark + "car ?", "no");
    replace("pairs/preferences.jsonl", "maybe", mark + " maybe");
    for (String command : List.of(MINE, EVALUATE, SFT, DPO, GENERATE)) {
      List<String> arguments = new ArrayList<>(arguments(command, List.of()));
      if (command.equals(GENERATE)) {
        arguments.set(arguments.size() - 1, "a " + mark + " sign ?");
      }
      for (Outcome outcome : List.of(run(dry(arguments)), run(arguments))) {
        if (outcome.code != ExitCode.OK) {
          failures.add(command + ": " + outcome);
        }
      }
    }
    assertEquals(List.of(), failures);
  }

  /** Pixels are looked at by dry runs alone: it takes as long as decoding does. */
  @Test
  void dryRunsDecodeImages() throws IOException {
    // A byte of the first chunk of pixels is another, and so is the chunk's checksum.
    ByteBuffer png = ByteBuffer.wrap(Files.readAllBytes(file("image-1.png")));
    int data = 33 + 8;
    int length = png.getInt(33);
    png.put(data + length / 2, (byte) (png.get(data + length / 2) ^ 0x55));
    CRC32 checksum = new CRC32();
    checksum.update(png.array(), data - 4, length + 4);
    png.putInt(data + length, (int) checksum.getValue());
    Files.write(file("flipped.png"), png.array());
    addSample("flipped.png", QUESTION, "no");
    Outcome dry = run(dry(arguments(SFT, List.of())));
    assertEquals(ExitCode.FAILURE, dry.code, dry.said);
    assertTrue(dry.said.contains("samples.jsonl:3: samples-3: cannot decode image"), dry.said);
    assertTrue(dry.said.contains("flipped.png"), dry.said);
  }

  /** A preview of the first samples takes their twins along. */
  @Test
  void twinsThatStandFarApartArePreviewedTogether() throws IOException {
    write("samples.jsonl", twin("a", "c") + "\n");
    addLine(twin("b", "d"));
    addLine(twin("c", "a").replace("no", "yes"));
    addLine(twin("d", "b").replace("no", "yes"));
    List<String> arguments =
        new ArrayList<>(arguments(MINE, List.of("mine.baseline=TWIN", "mine.preview=1")));
    arguments.add("--preview-only");
    Outcome outcome = run(arguments);
    assertEquals(ExitCode.OK, outcome.code, outcome.said);
  }

  /** What the damages are compared with. */
  @Test
  void nothingIsWrongWithTheFilesThemselves() throws IOException {
    adapter();
    for (String command : List.of(INSPECT, GENERATE, ATTACK, MINE, EVALUATE, SFT, DPO, HYBRID)) {
      List<String> arguments = arguments(command, List.of("model.adapter=FOLDER/adapter"));
      Outcome dry = run(dry(arguments));
      assertEquals(ExitCode.OK, dry.code, command + ": " + dry.said);
      assertFalse(Files.exists(file("out")), command);
    }
  }
}
