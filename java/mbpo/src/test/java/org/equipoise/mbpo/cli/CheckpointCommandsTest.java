package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands over a real, tiny checkpoint: the whole way, and what they answer to bad input. */
class CheckpointCommandsTest {
  /** Enough for answers to be learnt that pairs can be mined from. */
  private static final int SFT_STEPS = Proof.count(40, 16);

  @TempDir Path folder;
  private StringWriter out;
  private StringWriter err;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void data() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      String name = "image-" + i + ".png";
      Files.copy(TinyCheckpoint.resource(name), folder.resolve(name));
      lines.add(sample(name, "is there a dog in the picture ?", i % 2 == 0 ? "yes" : "no"));
      lines.add(sample(name, "is there a car ?", i < 2 ? "yes" : "no"));
    }
    lines.set(7, several(2, 3).replace("QUESTION", "is there a car in both ?"));
    write("samples.jsonl", String.join("\n", lines) + "\n");
    write(
        "run.yaml",
        """
        threads: 1
        model: {folder: "%s", type: FLOAT32}
        data: {samples: "%s"}
        mine:
          steps: 2
          keepShare: 1
          preview: 2
          epsilonIn255ths: 64
          options:
            requireFinished: false
            maximumEditSimilarity: 1
            generation: {maxNewTokens: 4}
        generate: {maxNewTokens: 4}
        evaluate: {generation: {maxNewTokens: 4}}
        train:
          checkpointEvery: 2
          sft: {steps: %d, batchSize: 8, microBatch: 0, optimizer: {learningRate: 0.02}}
          dpo: {steps: 2, batchPairs: 2}
          hybrid:
            iterations: 3
            offline: {pairsPerIteration: 2}
            online: {promptsPerIteration: 1, groupSize: 2, maxNewTokens: 3, keepZeroVariance: true}
        """
            .formatted(TinyCheckpoint.folder(), file("samples.jsonl"), SFT_STEPS));
  }

  private static String sample(String image, String question, String answer) {
    return "{\"image\": \"%s\", \"question\": \"%s\", \"answer\": \"%s\"}"
        .formatted(image, question, answer);
  }

  /** Two images of different sizes. */
  private static String several(int first, int second) {
    return ("{\"id\": \"both\", \"images\": [\"image-%d.png\", \"image-%d.png\"], \"question\":"
            + " \"QUESTION\", \"answer\": \"no\"}")
        .formatted(first, second);
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(file(name), text);
  }

  private int run(String... arguments) {
    out = new StringWriter();
    err = new StringWriter();
    CommandLine commandLine = EquipoiseCommand.commandLine();
    return commandLine
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  private void assertRuns(String... arguments) {
    assertEquals(ExitCode.OK, run(arguments), () -> err.toString());
  }

  private String config() {
    return "--config=" + file("run.yaml");
  }

  /** What follows an answer in a pipe must get the answer and nothing else. */
  @Test
  void answersStandAloneOnTheOutput() {
    List<String> answers = new ArrayList<>();
    for (String tokens : List.of("1", "2", "64")) {
      assertRuns("generate", config(), "--set", "generate.maxNewTokens=" + tokens, "no picture");
      String all = out.toString();
      answers.add(all.substring(0, all.length() - System.lineSeparator().length()));
    }
    assertTrue(answers.get(1).startsWith(answers.get(0)), answers.toString());
    assertTrue(answers.get(2).startsWith(answers.get(1)), answers.toString());
    assertRuns("generate", config(), "--set", "generate.maxNewTokens=1", "no picture");
    assertFalse(out.toString().contains("limit"), out.toString());
    assertTrue(
        err.toString()
            .contains(
                "answer 1 of 1 was cut at the length limit of 1 tokens; generate.maxNewTokens"
                    + " raises it"),
        err.toString());
  }

  @Test
  void theWholeWay() throws IOException {
    Path sft = file("sft");
    assertRuns("train", config(), "--set", "train.method=SFT", "--out", sft.toString());
    String metrics = Files.readString(sft.resolve("train/metrics.csv"));
    assertEquals(1 + SFT_STEPS, metrics.lines().count());
    assertTrue(metrics.startsWith("step,loss,answer_tokens,gradient_norm,learning_rate\n0,"));
    assertTrue(Files.readString(sft.resolve("train/report.html")).contains("<svg"));
    String adapter = "model.adapter=" + sft.resolve("train/adapter");

    Path mined = file("mined");
    assertRuns("mine", config(), "--set", adapter, "--out", mined.toString());
    assertTrue(out.toString().contains("Preview"), out.toString());
    Path store = mined.resolve("mine/preferences");
    int pairs = PreferenceStore.read(store).size();
    int dropped = PreferenceStore.readDropped(store).size();
    assertEquals(8, pairs + dropped);
    assertTrue(pairs >= 2, pairs + " pairs, " + dropped + " left out");

    String data = "data.pairs=" + store;
    String prompts = "data.prompts=" + file("samples.jsonl");
    Path hybrid = file("hybrid");
    assertRuns(
        "train", config(), "--set", data, "--set", prompts, "--out", hybrid.toString(), "--merge");
    assertEquals(4, Files.readString(hybrid.resolve("train/metrics.csv")).lines().count());
    assertRuns(
        "train",
        config(),
        "--set",
        data,
        "--set",
        "train.method=DPO",
        "--out",
        file("dpo").toString());

    Path merged = hybrid.resolve("train/merged");
    assertRuns("inspect", merged.toString());
    assertTrue(out.toString().contains("qwen2_vl") && out.toString().contains("train adapters"));
    assertRuns(
        "generate",
        config(),
        "--model",
        merged.toString(),
        "--image",
        file("image-1.png").toString(),
        "is there a dog ?");
    assertFalse(out.toString().isBlank() && err.toString().isBlank());
    assertRuns("generate", config(), "--set", adapter, "no picture");
    assertRuns(
        "generate",
        config(),
        "--image",
        file("image-0.png").toString(),
        "--image",
        file("image-3.png").toString(),
        "which is larger ?");
    assertRuns(
        "attack",
        config(),
        "--set",
        adapter,
        "--image",
        file("image-1.png").toString(),
        "--answer",
        "no",
        "--out",
        file("attacked.png").toString(),
        "is there a dog in the picture ?");
    List<String> rows = out.toString().lines().toList();
    assertTrue(rows.get(2).startsWith("perturbed ") && rows.get(3).startsWith("perturbed, from"));
    // The file holds what was attacked, so the log-prob is the same to the last digit shown.
    assertEquals(rows.get(2).substring(23, 37), rows.get(3).substring(23, 37));
    assertRuns("evaluate", config(), "--set", adapter, "--out", file("evaluation").toString());
    assertTrue(out.toString().contains("blind"), out.toString());
    assertTrue(Files.readString(file("evaluation/results.csv")).contains("accuracy"));
  }

  /** A user's own files stay what they are, wherever --out points. */
  @Test
  void nothingOfTheUsersIsReplaced() throws IOException {
    byte[] image = Files.readAllBytes(file("image-1.png"));
    String[] attack = {
      "attack", config(), "--image", file("image-1.png").toString(), "--answer", "no", "q", "--out"
    };
    Path other = Files.write(file("holiday.png"), image);
    assertRefused(List.of("holiday.png", "--overwrite"), with(attack, other.toString()));
    assertRefused(
        List.of("--image is", "would be written to"),
        with(attack, file("image-1.png").toString(), "--overwrite"));
    write("report.html", "mine");
    write("settings.yaml", "mine");
    for (String command : List.of("evaluate", "mine", "train --set=train.method=SFT")) {
      String[] words = with(command.split(" "), config(), "--out", folder.toString());
      assertRefused(List.of(folder + ": expected a new or an empty folder"), words);
    }
    assertEquals("mine", Files.readString(file("report.html")));
    assertEquals("mine", Files.readString(file("settings.yaml")));
    assertArrayEquals(image, Files.readAllBytes(file("image-1.png")));
    assertArrayEquals(image, Files.readAllBytes(other));
  }

  private static String[] with(String[] words, String... more) {
    return Stream.concat(Arrays.stream(words), Arrays.stream(more)).toArray(String[]::new);
  }

  @Test
  void questionsAboutSeveralImagesAreMinedAndTrainedOn() throws IOException {
    write("answers.jsonl", "{\"id\": \"both\", \"answer\": \"a cat\"}\n");
    Path mined = file("mined");
    assertRuns(
        "mine",
        config(),
        "--set",
        "mine.source=IMPORTED",
        "--set",
        "mine.answers=" + file("answers.jsonl"),
        "--out",
        mined.toString());
    Path store = mined.resolve("mine/preferences");
    PreferenceRecord both = PreferenceStore.read(store).get(0);
    assertEquals("both", both.id());
    assertEquals(2, both.images().size());
    assertTrue(
        both.images().get(0).load().width() != both.images().get(1).load().width(),
        "images of several sizes");
    for (String method : List.of("DPO", "HYBRID", "SFT")) {
      assertRuns(
          "train",
          config(),
          "--set",
          "data.pairs=" + store,
          "--set",
          "data.prompts=" + file("samples.jsonl"),
          "--set",
          "train.method=" + method,
          "--set",
          "train.sft.steps=2",
          "--set",
          "train.sft.blankImageShare=0.5",
          "--set",
          "train.hybrid.online.promptsPerIteration=8",
          "--set",
          "train.hybrid.iterations=" + Proof.count(3, 1),
          "--out",
          file(method).toString());
    }

    Sample sample = both.sample();
    NegativeSource attack = NegativeSources.adversarial(64 / 255.0, 16 / 255.0, 4, 1);
    try (PointerScope scope = new PointerScope();
        QwenModel model =
            QwenCheckpoint.open(TinyCheckpoint.folder()).loadFrozen(ScalarType.Float, 1 << 20)) {
      List<Images> clean = AnswerLogProbs.images(model, List.of(sample));
      List<Images> perturbed = attack.perturb(model, List.of(sample), clean);
      for (int i = 0; i < 2; i++) {
        byte[] before = clean.get(0).all().get(i).planes();
        byte[] after = perturbed.get(0).all().get(i).planes();
        int largest = 0;
        for (int p = 0; p < before.length; p++) {
          largest = Math.max(largest, Math.abs((before[p] & 0xff) - (after[p] & 0xff)));
        }
        assertTrue(largest > 0 && largest <= 64, "image " + i + " changed by " + largest);
      }
      List<TokenSequence> gold = AnswerLogProbs.sequences(model.tokenizer(), List.of(sample));
      AnswerLogProbs answers = new AnswerLogProbs(model, 1);
      double seen = sum(answers.tokenLogProbs(clean, gold, AnswerLogProbs.Sight.IMAGE).get(0));
      double hurt = sum(answers.tokenLogProbs(perturbed, gold, AnswerLogProbs.Sight.IMAGE).get(0));
      assertTrue(hurt < seen - 0.01, seen + ", perturbed " + hurt);
    }
  }

  private static double sum(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }

  @Test
  void aFinishedStageIsNotRunAgain() throws IOException {
    String[] arguments = {
      "train",
      config(),
      "--set",
      "train.method=SFT",
      "--set",
      "train.sft.steps=2",
      "--out",
      file("sft").toString()
    };
    assertRuns(arguments);
    Path adapter = file("sft/train/adapter/adapter_model.safetensors");
    var written = Files.getLastModifiedTime(adapter);
    assertRuns(arguments);
    assertEquals(written, Files.getLastModifiedTime(adapter));
  }

  @Test
  void popeFilesAndDryRuns() throws IOException {
    write(
        "pope.json",
        "{\"question_id\": 1, \"image\": \"image-0.png\", \"text\": \"Is there a dog?\", \"label\":"
            + " \"yes\"}\n"
            + "{\"question_id\": 2, \"image\": \"image-1.png\", \"text\": \"Is there a cat?\","
            + " \"label\": \"no\"}\n");
    assertRuns(
        "evaluate",
        config(),
        "--pope",
        file("pope.json").toString(),
        "--images",
        folder.toString(),
        "--out",
        file("pope").toString());
    assertTrue(out.toString().contains("Accuracy"), out.toString());
    assertRuns("mine", config(), "--dry-run", "--out", file("dry").toString());
    assertRuns(
        "train",
        config(),
        "--set",
        "train.method=SFT",
        "--dry-run",
        "--out",
        file("dry").toString());
    assertFalse(Files.exists(file("dry")), "a dry run writes nothing");
    assertRuns("config");
    assertTrue(out.toString().contains("keepShare: 0.5"), out.toString());
  }

  private void assertRefused(List<String> parts, String... arguments) {
    assertEquals(ExitCode.FAILURE, run(arguments), () -> out.toString());
    for (String part : parts) {
      assertTrue(err.toString().contains(part), "\"" + err + "\" says " + part);
    }
  }

  private void assertSamplesRefused(String line, String... parts) throws IOException {
    write("bad.jsonl", sample("image-0.png", "is it ?", "yes") + "\n" + line + "\n");
    List<String> all = new ArrayList<>(List.of(parts));
    all.add("bad.jsonl");
    assertRefused(all, "mine", config(), "--set", "data.samples=" + file("bad.jsonl"));
  }

  @Test
  void badSamplesNameFileAndLine() throws IOException {
    assertSamplesRefused("{\"image\": ", "bad.jsonl:2");
    assertSamplesRefused("[1]", "bad.jsonl:2", "JSON object");
    assertSamplesRefused("{\"image\": \"image-0.png\"}", "bad.jsonl:2", "question");
    assertSamplesRefused(sample("image-0.png", "a", "b").replace("\"b\"", "3"), ":2", "answer");
    assertSamplesRefused(several(0, 7), "1 of 2 samples", ":2: both: ", "image-7.png");
    assertSamplesRefused(
        "{\"image\": \"image-0.png\", \"conversations\": [{\"from\": \"gpt\", \"value\": \"a\"}]}",
        ":2",
        "conversations");
    assertSamplesRefused(sample("nowhere.png", "q", "yes"), "1 of 2 samples", "nowhere.png");
    assertSamplesRefused(
        sample("image-0.png", "q", "yes").replace("{", "{\"id\": \"bad-1\", "), ":2", "bad-1");
  }

  @Test
  void badSettingsAndArguments() throws IOException {
    assertRefused(List.of("model.folder is not set"), "generate", "hello");
    assertRefused(List.of("expected config.json"), "inspect", folder.toString());
    assertRefused(
        List.of("--set mine.stepps=3", "did you mean mine.steps?"),
        "mine",
        config(),
        "--set",
        "mine.stepps=3",
        "--dry-run");
    assertRefused(
        List.of("--set mine.steps=0", "steps must be at least 1, found 0"),
        "attack",
        config(),
        "--set",
        "mine.steps=0",
        "--image",
        file("image-0.png").toString(),
        "--answer",
        "no",
        "q");
    assertRefused(List.of("data.pairs is not set"), "train", config(), "--set", "train.method=DPO");
    assertRefused(
        List.of("model.type=FLOAT32"),
        "train",
        config(),
        "--set",
        "train.method=SFT",
        "--set",
        "train.full=true",
        "--set",
        "model.type=FILE",
        "--out",
        file("full").toString());
    assertRefused(
        List.of("adapter_config.json"),
        "generate",
        config(),
        "--set",
        "model.adapter=" + folder,
        "hello");
    assertRefused(
        List.of("generate.temperature=1"), "generate", config(), "--samples", "2", "hello");
    write("text.png", "no picture");
    assertRefused(
        List.of("text.png"), "generate", config(), "--image", file("text.png").toString(), "q");
    assertRefused(
        List.of("--images"), "evaluate", config(), "--pope", file("samples.jsonl").toString());
    write("pope.jsonl", "{\"question_id\": 1, \"image\": \"image-0.png\", \"text\": \"q\"}\n");
    assertRefused(
        List.of("pope.jsonl:1", "label"),
        "evaluate",
        config(),
        "--pope",
        file("pope.jsonl").toString(),
        "--images",
        folder.toString());
    write(
        "open.jsonl",
        "{\"id\": \"o1\", \"image\": \"image-0.png\", \"question\": \"q\", \"answer\": \"a long"
            + " answer\"}\n");
    Files.createDirectories(file("pairs"));
    write("pairs/preferences.jsonl", "");
    assertRefused(
        List.of("holds no pairs"), "train", config(), "--set", "data.pairs=" + file("pairs"));
    assertRefused(
        List.of("whose answers a computer can check", "o1"),
        "train",
        config(),
        "--set",
        "train.hybrid.offline.pairsPerIteration=0",
        "--set",
        "data.prompts=" + file("open.jsonl"));
    assertEquals(ExitCode.USAGE, run("attack", config(), "q"));
    assertTrue(err.toString().contains("--image"), err.toString());
  }
}
