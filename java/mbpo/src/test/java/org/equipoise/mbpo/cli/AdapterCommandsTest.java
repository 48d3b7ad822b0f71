package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands with adapters of PEFT's and with what checkpoints ask of generation. */
class AdapterCommandsTest {
  @TempDir Path folder;
  private Path checkpoint;
  private StringWriter out;
  private StringWriter err;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void data() throws IOException {
    checkpoint = TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
    Files.copy(TinyCheckpoint.resource("image-1.png"), folder.resolve("image-1.png"));
    Files.writeString(
        folder.resolve("samples.jsonl"),
        "{\"image\": \"image-1.png\", \"question\": \"is there a dog ?\", \"answer\": \"yes\"}\n");
  }

  private static Path adapter(String name) {
    return TinyCheckpoint.resource("adapters").resolve(name);
  }

  private int run(String command, String... settings) {
    out = new StringWriter();
    err = new StringWriter();
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of("--set", "threads=1", "--set", "model.folder=" + checkpoint));
    for (String setting : settings) {
      if (setting.contains("=") && !setting.startsWith("--")) {
        arguments.add("--set");
      }
      arguments.add(setting);
    }
    return EquipoiseCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments.toArray(new String[0]));
  }

  private String[] training(String adapter, String... more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "model.adapter=" + adapter(adapter),
                "data.samples=" + folder.resolve("samples.jsonl"),
                "train.method=SFT",
                "train.sft.steps=2",
                "train.sft.batchSize=1",
                "--out=" + folder.resolve("run"),
                "--merge"));
    settings.addAll(Arrays.asList(more));
    return settings.toArray(new String[0]);
  }

  private String answer(String... settings) {
    List<String> all = new ArrayList<>(List.of(settings));
    all.add("generate.maxNewTokens=8");
    all.add("--image=" + folder.resolve("image-1.png"));
    all.add("is there a dog ?");
    assertEquals(ExitCode.OK, run("generate", all.toArray(new String[0])), () -> err.toString());
    return out.toString();
  }

  @Test
  void trainingGoesOnWithWhatPeftWrote() throws IOException {
    assertEquals(ExitCode.OK, run("train", training("patterns")), () -> err.toString());
    assertTrue(err.toString().contains("the adapters of 12 layers"), err.toString());
    Path trained = folder.resolve("run/train/adapter");
    ObjectNode expected =
        (ObjectNode) Json.readObject(adapter("patterns").resolve("adapter_config.json"));
    expected.put("inference_mode", true);
    assertEquals(expected, Json.readObject(trained.resolve("adapter_config.json")));
    assertFalse(
        Arrays.equals(
            Files.readAllBytes(adapter("patterns").resolve("adapter_model.safetensors")),
            Files.readAllBytes(trained.resolve("adapter_model.safetensors"))));
    String adapted = answer("model.adapter=" + trained, "model.type=FLOAT32");
    assertEquals(
        adapted,
        answer("model.folder=" + folder.resolve("run/train/merged"), "model.type=FLOAT32"),
        "merged and adapted say the same");
  }

  @Test
  void whatCannotBeTrainedFurtherIsSaidBeforeTheTraining() {
    assertEquals(
        ExitCode.OK, run("train", training("saved-head", "--dry-run")), () -> err.toString());
    assertTrue(err.toString().contains("base_model.model.lm_head.weight"), err.toString());
    assertTrue(err.toString().contains("stay as they are"), err.toString());
    assertRefused("train.full", "merge the adapters", training("plain", "train.full=true"));
    assertRefused(
        "model.type=FLOAT32", "16-bit", training("plain", "train.full=true", "model.adapter="));
    assertRefused(
        "no linear layer", "typo", training("plain", "model.adapter=", "train.lora.targets=typo"));
    assertRefused(
        "adapter_config.json",
        "whole checkpoint",
        training("qwen2.5-all-linear", "model.adapter=" + folder.resolve("checkpoint")));
  }

  private void assertRefused(String first, String second, String... arguments) {
    List<String> dry = new ArrayList<>(List.of(arguments));
    dry.add("--dry-run");
    assertEquals(ExitCode.FAILURE, run("train", dry.toArray(new String[0])), () -> err.toString());
    String said = err.toString();
    assertTrue(said.contains(first) && said.contains(second), said);
  }

  @Test
  void generationRulesAreObeyedWhereTheModelIsAskedAndNotWhereThePolicyIs() throws IOException {
    String plain = answer("model.adapter=" + adapter("all-linear"), "model.type=FLOAT32");
    Files.writeString(
        checkpoint.resolve("generation_config.json"),
        "{\"eos_token_id\": [313, 311], \"no_repeat_ngram_size\": 1, \"num_beams\": 3}");
    String ruled = answer("model.adapter=" + adapter("all-linear"), "model.type=FLOAT32");
    assertFalse(plain.equals(ruled), ruled);
    assertTrue(err.toString().contains("num_beams are not supported"), err.toString());
    assertEquals(
        plain,
        answer(
            "model.adapter=" + adapter("all-linear"),
            "model.type=FLOAT32",
            "model.generationRules=false"));
    assertEquals(
        ExitCode.OK,
        run(
            "mine",
            "data.samples=" + folder.resolve("samples.jsonl"),
            "--out=" + folder.resolve("mined"),
            "--dry-run"),
        () -> err.toString());
    assertTrue(
        err.toString().contains("no_repeat_ngram_size 1: generate and evaluate obey this"),
        err.toString());
  }
}
