package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.pytorch.Scalar;
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

/** A checkpoint, samples and pairs with which every command works, to be damaged one by one. */
final class CommandFiles {
  static final String QUESTION = "is there a car ?";
  static final String INSPECT = "inspect";
  static final String GENERATE = "generate";
  static final String ATTACK = "attack";
  static final String MINE = "mine";
  static final String EVALUATE = "evaluate";
  static final String SFT = "train SFT";
  static final String DPO = "train DPO";
  static final String HYBRID = "train HYBRID";

  private final Path folder;

  private CommandFiles(Path folder) {
    this.folder = folder;
  }

  static CommandFiles in(Path folder) throws IOException {
    CommandFiles files = new CommandFiles(folder);
    files.write();
    return files;
  }

  private void write() throws IOException {
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

  static String pair(int number, String chosen) {
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

  static String sample(String image, String question, String answer) {
    return "{\"image\": \"%s\", \"question\": \"%s\", \"answer\": \"%s\"}"
        .formatted(image, question, answer);
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  void write(String name, String text) throws IOException {
    Files.writeString(file(name), text);
  }

  /** As bytes: also in files that are not text. */
  void replace(String name, String from, String to) throws IOException {
    String all = Files.readString(file(name), java.nio.charset.StandardCharsets.ISO_8859_1);
    assertTrue(all.contains(from), name + " holds " + from);
    Files.writeString(
        file(name), all.replace(from, to), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  void addLine(String line) throws IOException {
    write("samples.jsonl", Files.readString(file("samples.jsonl")) + line + "\n");
  }

  void addSample(String image, String question, String answer) throws IOException {
    addLine(sample(image, question, answer));
  }

  void onlyFirst() throws IOException {
    write("samples.jsonl", sample("image-0.png", QUESTION, "yes") + "\n");
  }

  void cut(String name, double share) throws IOException {
    byte[] all = Files.readAllBytes(file(name));
    Files.write(file(name), Arrays.copyOf(all, (int) (all.length * share)));
  }

  /** A photograph in the format that the name ends with, of which a share is kept. */
  void encoded(String name, double share) throws IOException {
    encode(name, ImageFiles.read(file("image-1.png")));
    cut(name, share);
  }

  void blank(String name, int width, int height) throws IOException {
    encode(name, new RgbImage(width, height, new byte[3 * width * height]));
  }

  void encode(String name, RgbImage image) throws IOException {
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
  void longChunk() throws IOException {
    byte[] png = Files.readAllBytes(file("image-0.png"));
    png[33] = 0x7f;
    Files.write(file("long.png"), png);
  }

  /** As far as a header goes: whole numbers in the place of a weight. */
  void quantised() {
    Path weights = file("checkpoint/model.safetensors");
    try (PointerScope scope = new PointerScope()) {
      SafetensorsFile.Contents contents = SafetensorsFile.read(weights);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      tensors.computeIfPresent("model.norm.weight", (name, weight) -> weight.to(ScalarType.Byte));
      SafetensorsFile.write(weights, tensors, contents.metadata());
    }
  }

  /** Weights that are no numbers, as a run that diverged saves them. */
  void notNumbers(double value) {
    Path weights = file("checkpoint/model.safetensors");
    try (PointerScope scope = new PointerScope()) {
      SafetensorsFile.Contents contents = SafetensorsFile.read(weights);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      tensors.computeIfPresent(
          "model.norm.weight", (name, weight) -> weight.clone().fill_(new Scalar(value)));
      SafetensorsFile.write(weights, tensors, contents.metadata());
    }
  }

  void adapter() {
    try (PointerScope scope = new PointerScope();
        QwenModel model =
            QwenCheckpoint.open(TinyCheckpoint.folder())
                .load(LoraOptions.defaults().withRank(2), null, 1 << 20)) {
      PeftAdapter.write(
          model.adapters(), LoraOptions.defaults().withRank(2), "tiny", file("adapter"));
    }
  }

  List<String> arguments(String command, List<String> settings) {
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

  static String twin(String id, String twin) {
    return "{\"id\": \"%s\", \"image\": \"image-0.png\", \"question\": \"q\", \"answer\": \"no\"%s}"
        .formatted(id, twin.isEmpty() ? "" : ", \"twin\": \"" + twin + "\"");
  }
}
