package org.equipoise.mbpo.cli;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What files hold decides whether a stage is done, not what they are called. */
class InputContentsTest {
  @TempDir Path folder;
  private Path model;
  private Path data;
  private final StringWriter out = new StringWriter();

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void files() throws IOException {
    model = TinyCheckpoint.copyInto(folder.resolve("model"));
    data = Files.createDirectories(folder.resolve("data"));
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 2; i++) {
      Files.copy(TinyCheckpoint.resource("image-" + i + ".png"), data.resolve(i + ".png"));
      lines.append(
          "{\"image\": \"%d.png\", \"question\": \"is there a dog ?\", \"answer\": \"no\"}\n"
              .formatted(i));
    }
    Files.writeString(data.resolve("samples.jsonl"), lines);
    Files.writeString(
        data.resolve("answers.jsonl"), "{\"id\": \"samples-1\", \"answer\": \"a cat\"}\n");
  }

  /** A command's sentences about its stages; the exit code must be 0. */
  private List<String> said(String... command) {
    List<String> arguments = new ArrayList<>(List.of(command));
    for (Map.Entry<String, Object> setting :
        Map.<String, Object>of(
                "threads", 1,
                "model.folder", model,
                "model.type", "FLOAT32",
                "data.samples", data.resolve("samples.jsonl"),
                "mine.preview", 0,
                "mine.options.requireFinished", false,
                "mine.options.maximumEditSimilarity", 1,
                "mine.options.generation.maxNewTokens", 2,
                "train.sft.steps", 3,
                "train.checkpointEvery", 1)
            .entrySet()) {
      arguments.add("--set");
      arguments.add(setting.getKey() + "=" + setting.getValue());
    }
    PrintStream console = System.err;
    ByteArrayOutputStream stages = new ByteArrayOutputStream();
    StringWriter messages = new StringWriter();
    System.setErr(new PrintStream(stages, true, StandardCharsets.UTF_8));
    try {
      CommandLine commandLine = EquipoiseCommand.commandLine();
      int exit =
          commandLine
              .setOut(new PrintWriter(out, true))
              .setErr(new PrintWriter(messages, true))
              .execute(arguments.toArray(String[]::new));
      assertEquals(ExitCode.OK, exit, messages + stages.toString(StandardCharsets.UTF_8));
    } finally {
      System.setErr(console);
    }
    return stages.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private List<String> train(String method) {
    return said(
        "train",
        "--set=train.method=" + method,
        "--set=data.pairs=" + folder.resolve("mined/mine/preferences"),
        "--set=train.dpo.steps=3",
        "--out=" + folder.resolve(method));
  }

  private static void assertRanAgainBecause(String reason, List<String> said) {
    String text = String.join("\n", said);
    assertTrue(text.contains("starts, it runs again because " + reason), text);
    assertEquals(2, said.size(), text);
  }

  private static void assertDone(List<String> said) {
    assertEquals(1, said.size(), said.toString());
    assertTrue(said.get(0).endsWith(": done by an earlier run"), said.toString());
  }

  private static void flipLastByte(Path file) throws IOException {
    FileTime time = Files.getLastModifiedTime(file);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    Files.setLastModifiedTime(file, time);
  }

  @Test
  void weightsConfigurationAndImagesThatWereReplacedInPlace() throws IOException {
    train("SFT");
    assertDone(train("SFT"));
    flipLastByte(model.resolve("model.safetensors"));
    assertRanAgainBecause("checkpoint was ", train("SFT"));
    Path config = model.resolve("generation_config.json");
    Files.writeString(config, Files.readString(config) + " ");
    assertRanAgainBecause("checkpoint was ", train("SFT"));
    Files.copy(data.resolve("1.png"), data.resolve("0.png"), REPLACE_EXISTING);
    assertRanAgainBecause("what samples show was ", train("SFT"));
    assertDone(train("SFT"));

    // Names are none of the contents.
    model = Files.move(model, folder.resolve("elsewhere"));
    data = Files.move(data, folder.resolve("other data"));
    Files.move(data.resolve("0.png"), data.resolve("a b.png"));
    Path samples = data.resolve("samples.jsonl");
    Files.writeString(samples, Files.readString(samples).replace("0.png", "a b.png"));
    Files.setLastModifiedTime(model.resolve("model.safetensors"), FileTime.fromMillis(1));
    assertDone(train("SFT"));
  }

  @Test
  void imagesOfPairsAndAnAdapterThatWereReplacedInPlace() throws IOException {
    List<String> mine =
        List.of(
            "mine",
            "--set=mine.source=IMPORTED",
            "--set=mine.keepShare=1",
            "--set=mine.answers=" + data.resolve("answers.jsonl"),
            "--out=" + folder.resolve("mined"));
    said(mine.toArray(String[]::new));
    Path store = folder.resolve("mined/mine/preferences");
    assertEquals(1, PreferenceStore.read(store).size());
    train("DPO");
    assertDone(train("DPO"));
    Files.copy(data.resolve("0.png"), store.resolve("images/samples-1.png"), REPLACE_EXISTING);
    assertRanAgainBecause("what pairs show was ", train("DPO"));
    // The pairs are an output of ours: what was done to them is found and mended.
    String mended = String.join("\n", said(mine.toArray(String[]::new)));
    assertTrue(mended.contains("images/samples-1.png"), mended);
    assertTrue(mended.contains("; it goes on from what is whole"), mended);
    assertRanAgainBecause("what pairs show was ", train("DPO"));

    Path adapter = folder.resolve("DPO/train/adapter");
    String[] evaluated = {
      "mine", "--set=model.adapter=" + adapter, "--out=" + folder.resolve("again")
    };
    said(evaluated);
    assertDone(said(evaluated));
    train("SFT");
    Path weights = folder.resolve("SFT/train/adapter/adapter_model.safetensors");
    Files.copy(weights, adapter.resolve("adapter_model.safetensors"), REPLACE_EXISTING);
    assertRanAgainBecause("adapter was ", said(evaluated));
  }

  /** A file of each sort, damaged one by one. */
  @Test
  void whatTheDiskDamagedIsFoundAndMended() throws IOException {
    train("SFT");
    Path stage = folder.resolve("SFT/train");
    for (String name :
        List.of(
            "metrics.csv",
            "checkpoint.safetensors",
            "adapter/adapter_model.safetensors",
            "../.run/train.json",
            "../.run/journal.jsonl")) {
      Path file = stage.resolve(name);
      byte[] written = Files.readAllBytes(file);
      flipLastByte(file);
      if (name.endsWith("train.json")) {
        Files.writeString(file, "{\"format\": 2, \"cut");
      }
      String said = String.join("\n", train("SFT"));
      if (name.endsWith("jsonl") || name.startsWith("checkpoint")) {
        assertTrue(said.contains(": done by an earlier run"), said);
      } else {
        assertTrue(said.contains(file.normalize().toString()), said);
        assertTrue(said.contains("; it goes on "), said);
        assertEquals(-1, Arrays.mismatch(written, Files.readAllBytes(file)), name);
      }
      assertDone(train("SFT"));
    }
  }
}
