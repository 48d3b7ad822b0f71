package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Users' data files through the commands. */
class DataCommandsTest {
  private static final String GOOD =
      "{\"id\": \"ok/ä 1\", \"image\": \"image-0.png\", \"question\": \"is there a dog ?\","
          + " \"answer\": \"yes\"}";

  @TempDir Path folder;
  private StringWriter out;
  private StringWriter err;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void settings() throws IOException {
    for (String name : List.of("image-0.png", "image-1.png")) {
      Files.copy(TinyCheckpoint.resource(name), folder.resolve(name));
    }
    Files.writeString(
        folder.resolve("run.yaml"),
        """
        threads: 1
        model: {folder: "%s", type: FLOAT32}
        mine:
          steps: 1
          keepShare: 1
          preview: 0
          options: {requireFinished: false, generation: {maxNewTokens: 2}}
        evaluate: {generation: {maxNewTokens: 2}}
        train:
          method: SFT
          sft: {steps: 1, batchSize: 8, microBatch: 0}
          dpo: {steps: 1, batchPairs: 4, microBatch: 4}
        """
            .formatted(TinyCheckpoint.folder()));
  }

  private int run(String command, String... settings) {
    out = new StringWriter();
    err = new StringWriter();
    List<String> arguments = new ArrayList<>(List.of(command, "--config=" + file("run.yaml")));
    for (String setting : settings) {
      arguments.addAll(setting.startsWith("--") ? List.of(setting) : List.of("--set", setting));
    }
    CommandLine commandLine = EquipoiseCommand.commandLine();
    return commandLine
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments.toArray(new String[0]));
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private static String row(String fields) {
    return "{" + fields.replace('\'', '"') + "}\n";
  }

  /** One row of each kind that ended a run before, the first of them good. */
  private Path badData() throws IOException {
    byte[] png = Files.readAllBytes(file("image-0.png"));
    Files.write(file("half.png"), Arrays.copyOf(png, png.length / 2));
    Files.writeString(file("text.png"), "no picture");
    ImageFiles.writePng(file("thin.png"), new RgbImage(1, 300, new byte[900]));
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    data.write((GOOD + "\n").getBytes(StandardCharsets.UTF_8));
    data.write(row("'question': 'größer', 'answer': 'a'").getBytes(StandardCharsets.ISO_8859_1));
    for (String line :
        List.of(
            "{oops\n",
            GOOD + "\n",
            row("'image': 'nowhere.png', 'question': 'q', 'answer': 'a'"),
            row("'image': 'half.png', 'question': 'q', 'answer': 'a'"),
            row("'image': 'text.png', 'question': 'q', 'answer': 'a'"),
            row("'image': 'thin.png', 'question': 'q', 'answer': 'a'"),
            row("'image': 'image-0.png', 'question': 'q', 'answer': ' '"),
            row("'image': 'image-0.png', 'question': 'q', 'answer': 'C', 'options': ['x', 'y']"),
            row("'image': 'image-0.png', 'question': 'q', 'answer': 'x', 'options': ['x', '']"),
            row("'image': 'image-0.png', 'question': '<image> <image>', 'answer': 'a'"),
            row("'picture': 'image-0.png', 'caption': 'a'"),
            row("'image': ['image-0.png', 7], 'question': 'q', 'answer': 'a'"),
            row("'id': 'last', 'image': 'image-1.png', 'question': 'q ?', 'answer': 'no'"))) {
      data.write(line.getBytes(StandardCharsets.UTF_8));
    }
    return Files.write(file("bad.jsonl"), data.toByteArray());
  }

  @Test
  void everyBadSampleIsLeftOutWithALine() throws IOException {
    String samples = "data.samples=" + badData();
    assertEquals(ExitCode.FAILURE, run("train", samples, "--dry-run"));
    assertTrue(err.toString().contains("bad.jsonl:2: expected UTF-8 text"), err.toString());
    assertEquals(ExitCode.OK, run("train", samples, "data.skipBad=true", "--dry-run"), errors());
    assertTrue(err.toString().contains("0 pairs, 2 samples"), err.toString());

    Path run = file("run");
    assertEquals(ExitCode.OK, run("train", samples, "data.skipBad=true", "--out=" + run), errors());
    List<Integer> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("dropped.jsonl"))) {
      var dropped = Json.MAPPER.readTree(line);
      assertEquals(file("bad.jsonl").toString(), dropped.get("file").asText());
      assertTrue(dropped.get("reason").asText().length() > 10, line);
      lines.add(dropped.get("line").asInt());
    }
    lines.sort(null);
    assertEquals(List.of(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), lines);

    Path mined = file("mined");
    assertEquals(
        ExitCode.OK, run("mine", samples, "data.skipBad=true", "--out=" + mined), errors());
    Path store = mined.resolve("mine/preferences");
    assertEquals(2, PreferenceStore.read(store).size() + PreferenceStore.readDropped(store).size());
    assertEquals(13, Files.readAllLines(mined.resolve("dropped.jsonl")).size());
    assertEquals(
        ExitCode.OK,
        run("evaluate", samples, "data.skipBad=true", "--out=" + file("evaluation")),
        errors());
    assertTrue(Files.exists(file("evaluation/dropped.jsonl")));
  }

  private String errors() {
    return err.toString();
  }

  /** What can be read but not used is refused together, by file and line. */
  @Test
  void imagesAndAnswersAreCheckedBeforeAnyWork() throws IOException {
    byte[] png = Files.readAllBytes(file("image-0.png"));
    Files.write(file("half.png"), Arrays.copyOf(png, png.length / 2));
    Path data =
        Files.writeString(
            file("data.jsonl"),
            GOOD
                + "\n"
                + row("'image': 'half.png', 'question': 'q', 'answer': 'a'")
                + row("'image': 'image-0.png', 'question': 'q', 'answer': 'z', 'options': ['x']"));
    assertEquals(ExitCode.FAILURE, run("train", "data.samples=" + data, "--dry-run"));
    String message = err.toString();
    assertTrue(message.contains("2 of 3 samples cannot be used"), message);
    assertTrue(message.contains("data.jsonl:2: data-2: ") && message.contains("cut off"), message);
    assertTrue(message.contains("data.jsonl:3: ") && message.contains("options [x]"), message);
    assertTrue(message.contains("data.skipBad=true"), message);
  }

  @Test
  void turnsAndTextAloneAreTrainedOn() throws IOException {
    Path data =
        Files.writeString(
            file("data.json"),
            ("[{'id': 1, 'image': 'image-0.png', 'conversations': [{'from': 'human', 'value': 'is"
                    + " <image> a dog ?'}, {'from': 'gpt', 'value': 'no'}, {'from': 'human',"
                    + " 'value': 'a cat ?'}, {'from': 'gpt', 'value': 'yes'}]}, {'messages':"
                    + " [{'role': 'user', 'content': 'hello'}, {'role': 'assistant', 'content':"
                    + " 'hello'}]}]")
                .replace('\'', '"'));
    String samples = "data.samples=" + data;
    assertEquals(ExitCode.OK, run("train", samples, "--out=" + file("sft")), errors());
    assertTrue(err.toString().contains("0 pairs, 3 samples"), err.toString());
    assertFalse(Files.exists(file("sft/dropped.jsonl")));

    assertEquals(ExitCode.OK, run("mine", samples, "--out=" + file("mined")), errors());
    assertTrue(err.toString().contains("1 samples of " + data + " without an image"), errors());
    assertEquals(1, Files.readAllLines(file("mined/dropped.jsonl")).size());

    Path pairs =
        Files.writeString(
            file("pairs.jsonl"),
            row("'image': 'image-0.png', 'question': 'q', 'chosen': 'a', 'rejected': 'b'")
                + row("'prompt': 'no picture', 'chosen': 'a', 'rejected': 'b'")
                + row("'image': 'nowhere.png', 'question': 'q', 'chosen': 'a', 'rejected': 'b'"));
    String data2 = "data.pairs=" + pairs;
    assertEquals(ExitCode.FAILURE, run("train", data2, "train.method=DPO", "--dry-run"));
    assertTrue(err.toString().contains("pairs.jsonl:3: "), err.toString());
    assertEquals(
        ExitCode.OK,
        run("train", data2, "train.method=DPO", "data.skipBad=true", "--out=" + file("dpo")),
        errors());
    assertTrue(err.toString().contains("2 pairs"), err.toString());
  }

  @Test
  void twinsThatDoNotNameEachOtherAreRefusedOrLeftOut() throws IOException {
    Path data =
        Files.writeString(
            file("twins.jsonl"),
            row("'id': 'a', 'twin': 'b', 'image': 'image-0.png', 'question': 'q', 'answer': 'yes'")
                + row("'id': 'b', 'image': 'image-1.png', 'question': 'q', 'answer': 'no'"));
    String samples = "data.samples=" + data;
    assertEquals(ExitCode.FAILURE, run("mine", samples, "--dry-run"));
    assertTrue(err.toString().contains("twins.jsonl:1: a: it names b as its twin"), errors());
    assertEquals(ExitCode.OK, run("mine", samples, "data.skipBad=true", "--dry-run"), errors());
    assertTrue(err.toString().contains("1 samples, qwen2_vl"), err.toString());
    assertEquals(ExitCode.OK, run("train", samples, "--dry-run"), errors());
  }

  /** Mining keeps turns and places of images in its file. */
  @Test
  void minedPairsHaveTheirTurns() throws IOException {
    Path data =
        Files.writeString(
            file("data.jsonl"),
            row(
                "'id': 'a/b', 'image': 'image-0.png', 'messages': [{'role': 'user', 'content':"
                    + " 'see <image> ?'}, {'role': 'assistant', 'content': 'yes'}, {'role':"
                    + " 'user', 'content': 'is it a dog ?'}, {'role': 'assistant', 'content':"
                    + " 'no'}]"));
    Files.writeString(
        file("answers.jsonl"),
        row("'id': 'a/b', 'answer': 'x'") + row("'id': 'a/b#2', 'answer': 'y'"));
    assertEquals(
        ExitCode.OK,
        run(
            "mine",
            "data.samples=" + data,
            "mine.source=IMPORTED",
            "mine.answers=" + file("answers.jsonl"),
            "--out=" + file("mined")),
        errors());
    Path store = file("mined/mine/preferences");
    List<PreferenceRecord> pairs = PreferenceStore.read(store);
    assertEquals(List.of("a/b", "a/b#2"), pairs.stream().map(PreferenceRecord::id).toList());
    assertEquals(3, pairs.get(1).prompt().turns().size());
    assertEquals(List.of("see ", " ?"), pairs.get(1).prompt().turns().get(0).pieces());
  }
}
