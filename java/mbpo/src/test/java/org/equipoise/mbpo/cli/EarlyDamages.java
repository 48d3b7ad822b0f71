package org.equipoise.mbpo.cli;

import static org.equipoise.mbpo.cli.CommandFiles.ATTACK;
import static org.equipoise.mbpo.cli.CommandFiles.DPO;
import static org.equipoise.mbpo.cli.CommandFiles.EVALUATE;
import static org.equipoise.mbpo.cli.CommandFiles.GENERATE;
import static org.equipoise.mbpo.cli.CommandFiles.HYBRID;
import static org.equipoise.mbpo.cli.CommandFiles.INSPECT;
import static org.equipoise.mbpo.cli.CommandFiles.MINE;
import static org.equipoise.mbpo.cli.CommandFiles.QUESTION;
import static org.equipoise.mbpo.cli.CommandFiles.SFT;
import static org.equipoise.mbpo.cli.CommandFiles.sample;
import static org.equipoise.mbpo.cli.CommandFiles.twin;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;

/** What can be wrong with files that people have, one thing each, and what is said of it. */
final class EarlyDamages {
  private EarlyDamages() {}

  /** Changes one thing among the test's files. */
  interface Damage {
    void to(CommandFiles files) throws IOException;
  }

  /**
   * @param name what is wrong
   * @param command what is run
   * @param settings KEY=VALUE; FOLDER stands for the test's folder
   * @param said what the sentence holds, file and place among it
   */
  record Case(
      String name, String command, List<String> settings, Damage damage, List<String> said) {
    Case with(String... more) {
      return new Case(name, command, List.of(more), damage, said);
    }

    @Override
    public String toString() {
      return command + ": " + name;
    }
  }

  static Case of(String name, String command, Damage damage, String... said) {
    return new Case(name, command, List.of(), damage, List.of(said));
  }

  static Stream<Case> cases() {
    return Stream.of(checkpoints(), adapters(), images(), texts(), pairs()).flatMap(s -> s);
  }

  static Case configured(String name, String from, String to, String... said) {
    return of(name, INSPECT, files -> files.replace("checkpoint/config.json", from, to), said);
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
            files -> files.quantised(),
            "checkpoint",
            "model.norm.weight"),
        of(
            "no tokenizer",
            INSPECT,
            files -> Files.delete(files.file(json)),
            "checkpoint",
            "tokenizer.json"),
        of(
            "half a tokenizer",
            INSPECT,
            files -> files.write(json, "{\"version\": \"1.0\","),
            "tokenizer.json"),
        of(
            "a tokenizer of another format",
            INSPECT,
            files -> files.replace(json, "<|im_end|>", "<|over|>"),
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
            files -> files.write("checkpoint/chat_template.jinja", "{{ messages }}"),
            "checkpoint",
            "template"),
        of(
            "a processor with two means",
            INSPECT,
            files -> files.replace("checkpoint/preprocessor_config.json", "0.4578275,", ""),
            "preprocessor_config.json",
            "image_mean"),
        of(
            "an end that is no id",
            INSPECT,
            files ->
                files.write("checkpoint/generation_config.json", "{\"eos_token_id\": \"</s>\"}"),
            "generation_config.json",
            "eos_token_id"),
        of("images below one token", GENERATE, files -> {}, "model.maxPixels")
            .with("model.maxPixels=100"),
        of(
                "a result in the place of what it is made of",
                "train SFT --merge",
                files ->
                    Files.move(
                        files.file("checkpoint"),
                        Files.createDirectories(files.file("earlier/train")).resolve("merged")),
                "earlier/train/merged",
                "another folder")
            .with("model.folder=FOLDER/earlier/train/merged"),
        of("a missing tokenizer", SFT, files -> Files.delete(files.file(json)), "tokenizer.json"),
        of("16-bit weights to train", SFT, files -> {}, "train.full", "model.type=FLOAT32")
            .with("train.full=true", "model.type=BFLOAT16"),
        of("all weights of the file's type", SFT, files -> {}, "train.full", "model.type=FLOAT32")
            .with("train.full=true", "model.type=FILE"),
        of("all weights under an adapter", SFT, CommandFiles::adapter, "model.adapter")
            .with("train.full=true", "model.adapter=FOLDER/adapter"),
        of("more threads than none", EVALUATE, files -> {}, "thread").with("threads=0"));
  }

  static Case adapter(String name, Damage damage, String... said) {
    return of(
            name,
            GENERATE,
            files -> {
              files.adapter();
              damage.to(files);
            },
            said)
        .with("model.adapter=FOLDER/adapter");
  }

  private static Stream<Case> adapters() {
    String weights = "adapter/adapter_model.safetensors";
    String config = "adapter/adapter_config.json";
    return Stream.of(
        of("targets that match nothing", SFT, files -> {}, "train.lora.targets", "q_projection")
            .with("train.lora.targets=q_projection"),
        adapter(
            "targets of another model",
            files -> files.replace(config, "language_model", "text_model"),
            "adapter_config.json",
            "target_modules"),
        adapter(
            "no weights", files -> Files.delete(files.file(weights)), "adapter_model.safetensors"),
        adapter("half the weights", files -> files.cut(weights, 0.5), "adapter_model.safetensors"),
        adapter(
            "another rank",
            files -> files.replace(config, "\"r\":2", "\"r\":4"),
            "adapter_model.safetensors",
            "lora_A",
            "[2, 32]",
            "[4, 32]"),
        adapter(
            "fewer layers",
            files -> files.replace(config, "(gate|up|down)", "(gate|up)"),
            "adapter_model.safetensors",
            "down_proj"));
  }

  private static Case imaged(String name, String command, String file, Damage damage) {
    return of(
        name,
        command,
        files -> {
          damage.to(files);
          files.addSample(file, QUESTION, "no");
        },
        "samples.jsonl:3",
        file);
  }

  private static Stream<Case> images() {
    return Stream.of(
        imaged("a cut JPEG", MINE, "cut.jpg", files -> files.encoded("cut.jpg", 0.6)),
        imaged("a cut PNG", SFT, "cut.png", files -> files.encoded("cut.png", 0.6)),
        imaged("a cut WebP", EVALUATE, "cut.webp", files -> files.encoded("cut.webp", 0.6)),
        imaged("a cut BMP", MINE, "cut.bmp", files -> files.encoded("cut.bmp", 0.01)),
        imaged("the start of a header", SFT, "cut.png", files -> files.encoded("cut.png", 0.001)),
        imaged("an empty image", EVALUATE, "empty.png", files -> files.write("empty.png", "")),
        imaged("no image", SFT, "text.png", files -> files.write("text.png", "<html>")),
        imaged("a line of pixels", MINE, "line.png", files -> files.blank("line.png", 300, 1)),
        imaged("a line as JPEG", EVALUATE, "line.jpg", files -> files.blank("line.jpg", 1, 300)),
        imaged("a line as WebP", SFT, "line.webp", files -> files.blank("line.webp", 300, 1)),
        imaged(
            "a PNG whose chunk is longer than the file",
            SFT,
            "long.png",
            files -> files.longChunk()),
        of(
                "an image for a question of its own",
                GENERATE,
                files -> files.blank("image-0.png", 1, 300),
                "image-0.png",
                "200")
            .with(),
        of(
            "an image to perturb",
            ATTACK,
            files -> files.blank("image-0.png", 1, 300),
            "image-0.png",
            "200"));
  }

  private static Case answered(String name, String command, String answer, String... said) {
    return of(name, command, files -> files.addSample("image-0.png", QUESTION, answer), said);
  }

  private static Case optional(String name, String command, String options, String... said) {
    return of(
        name,
        command,
        files ->
            files.addLine(
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
        files -> {
          files.addLine(twin("a", first));
          files.addLine(twin("b", second));
        },
        said);
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
            files ->
                files.addLine(
                    "{\"image\": \"image-0.png\", \"question\": \"describe\", \"answer\": \"a cat"
                        + " sits\", \"objects\": [\"cat\", \"-\"]}"),
            "samples.jsonl:3",
            "\"-\""),
        of(
            "nothing that can be evaluated",
            EVALUATE,
            files ->
                files.write("samples.jsonl", sample("image-0.png", "what ?", "a large car") + "\n"),
            "samples.jsonl",
            "nothing can be evaluated"),
        twins("twins that do not agree", "b", "c", "samples.jsonl", "b as its twin, which names c"),
        twins("no twin", "b", "", "samples.jsonl", "twin").with("mine.baseline=TWIN"),
        of("an only sample to swap", MINE, files -> files.onlyFirst(), "at least two samples")
            .with("mine.source=SWAPPED"));
  }

  private static Case paired(String name, String from, String to, String... said) {
    return of(name, DPO, files -> files.replace("pairs/preferences.jsonl", from, to), said);
  }

  private static Stream<Case> pairs() {
    String second = "preferences.jsonl:2";
    return Stream.of(
        of(
            "an image of a pair is missing",
            DPO,
            files -> Files.delete(files.file("pairs/images/1.png")),
            second,
            "1.png"),
        of(
            "an image of a pair is cut",
            HYBRID,
            files -> files.cut("pairs/images/1.png", 0.6),
            second,
            "1.png"),
        of(
            "an image of a pair is a line",
            DPO,
            files -> files.blank("pairs/images/1.png", 1, 300),
            second,
            "1.png"),
        paired("nothing was chosen", "\"yes\"", "\"\"", second, "chosen"));
  }
}
