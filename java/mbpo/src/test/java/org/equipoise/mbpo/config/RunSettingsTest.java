package org.equipoise.mbpo.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.train.Schedule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunSettingsTest {
  @TempDir Path folder;

  private RunSettings file(String text) throws IOException {
    return RunSettings.load(write(text), Map.of());
  }

  private Path write(String text) throws IOException {
    Path file = folder.resolve("run.yaml");
    Files.writeString(file, text);
    return file;
  }

  private static void assertSays(Exception error, String... parts) {
    for (String part : parts) {
      assertTrue(error.getMessage().contains(part), "\"" + error.getMessage() + "\" says " + part);
    }
  }

  /** A key that no record knows, or a component that no key sets, is an error of binding. */
  @Test
  void everyDefaultIsBoundAndEveryComponentHasADefault() {
    RunSettings settings = RunSettings.load(null, Map.of());
    TrainSettings train = settings.bind("train", TrainSettings.class);
    assertEquals(LoraOptions.defaults(), train.lora());
    assertEquals(Double.NEGATIVE_INFINITY, train.hybrid().policy().negativeLogProbFloor());
    assertEquals(Schedule.COSINE, train.dpo().optimizer().schedule());
    assertEquals(GenerationOptions.greedy(), settings.bind("generate", GenerationOptions.class));
    assertEquals(
        GenerationOptions.greedy(),
        settings.bind("evaluate", EvaluationOptions.class).generation());
    assertEquals(16, settings.bind("mine", MineSettings.class).epsilonIn255ths());
    assertEquals(401408, settings.bind("model", ModelSettings.class).maxPixels());
    assertNull(settings.path("data.samples"));
    assertEquals(2, settings.bind("threads", Integer.class));
  }

  @Test
  void aFileIsOverTheDefaultsAndSingleValuesAreOverIt() throws IOException {
    Path file =
        write("train:\n  lora: {rank: 4}\n  hybrid:\n    optimizer:\n      learningRate: 2e-6\n");
    RunSettings settings =
        RunSettings.load(file, Map.of("train.lora.rank", "8", "train.method", "dpo"));
    TrainSettings train = settings.bind("train", TrainSettings.class);
    assertEquals(8, train.lora().rank());
    assertEquals(32, train.lora().alpha());
    assertEquals(2e-6, train.hybrid().optimizer().learningRate());
    assertEquals(TrainSettings.Method.DPO, train.method());
    RunSettings again = file(settings.text());
    assertEquals(train, again.bind("train", TrainSettings.class));
  }

  @Test
  void anEmptyFileChangesNothing() throws IOException {
    assertEquals(RunSettings.load(null, Map.of()).text(), file("# nothing\n").text());
  }

  @Test
  void unknownKeysNameFileLineAndTheNearestKey() throws IOException {
    Path file = write("seed: 1\ntrain:\n  lorra:\n    rank: 4\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(file, Map.of())),
        "run.yaml:3",
        "train.lorra",
        "train.lora?");
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () -> RunSettings.load(null, Map.of("trian.lora.rank", "4"))),
        "--set trian.lora.rank=4",
        "train?");
  }

  @Test
  void keysWithAnEmptyPieceNameTheirPlace() throws IOException {
    for (String key : List.of("", ".", "seed.", ".seed", "train..method")) {
      assertSays(
          assertThrows(
              IllegalArgumentException.class, () -> RunSettings.load(null, Map.of(key, "1"))),
          "--set " + key + "=1: expected KEY=VALUE");
    }
    Path file = write("seed: 1\n\"\": 2\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(file, Map.of())),
        "run.yaml:2: unknown setting");
  }

  @Test
  void wrongValuesNameFileLineAndKey() throws IOException {
    RunSettings word = file("mine:\n  steps: many\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> word.bind("mine", MineSettings.class)),
        "run.yaml:2",
        "mine.steps: expected a whole number, found many");
    RunSettings half = file("mine:\n  steps: 2.5\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> half.bind("mine", MineSettings.class)),
        "run.yaml:2",
        "mine.steps: expected a whole number, found 2.5");
    RunSettings range = file("mine:\n  options:\n    batchSize: 0\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> range.bind("mine", MineSettings.class)),
        "run.yaml:3",
        "mine.options.batchSize",
        "batchSize must be at least 1, found 0");
    RunSettings choice = file("train:\n  method: PPO\n");
    assertSays(
        assertThrows(
            IllegalArgumentException.class, () -> choice.bind("train", TrainSettings.class)),
        "run.yaml:2",
        "train.method: expected one of HYBRID, DPO",
        "found PPO");
    RunSettings none = file("generate:\n  topP: null\n");
    assertSays(
        assertThrows(
            IllegalArgumentException.class, () -> none.bind("generate", GenerationOptions.class)),
        "run.yaml:2",
        "generate.topP: expected a number, found nothing");
  }

  @Test
  void whatIsNoSettings() throws IOException {
    Path broken = write("a: [1\nb: 2\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(broken, Map.of())),
        "run.yaml:2");
    Path list = write("- 1\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(list, Map.of())),
        "expected settings as KEY: VALUE");
    for (String key : List.of("null", "~", "", "? [a, b]\n  ", "? {a: b}\n  ")) {
      Path nameless = write("train:\n  full: true\n  " + key + ": 2\n");
      assertSays(
          assertThrows(IllegalArgumentException.class, () -> RunSettings.load(nameless, Map.of())),
          "run.yaml:3");
    }
    Path twice = write("seed: 1\nseed: 2\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(twice, Map.of())),
        "run.yaml",
        "seed");
    Path flat = write("train: 3\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(flat, Map.of())),
        "run.yaml:1",
        "train");
    Path deep = write("seed:\n  a: 1\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(deep, Map.of())),
        "run.yaml:1",
        "expected one value");
  }

  /** File names are full of what means something in YAML. */
  @Test
  void singleTextsAreTakenAsTheyStand() {
    for (String text :
        new String[] {
          "a #2.jsonl",
          "a: b",
          "[x].jsonl",
          "{x",
          "'q'",
          "\"",
          "*",
          "&a",
          "!x",
          "null",
          "~",
          "12",
          "true",
          "- a",
          "C:\\data\\new",
          "é\t%",
          "a\nb: c"
        }) {
      RunSettings settings =
          RunSettings.load(null, Map.of("data.samples", text, "train.lora.targets", text));
      assertEquals(text, settings.bind("data.samples", String.class));
      assertEquals(text, settings.bind("train.lora.targets", String.class));
    }
    assertNull(RunSettings.load(null, Map.of("data.samples", "")).path("data.samples"));
    RunSettings floor =
        RunSettings.load(null, Map.of("train.hybrid.policy.negativeLogProbFloor", "-0.7"));
    assertEquals(
        -0.7, floor.bind("train", TrainSettings.class).hybrid().policy().negativeLogProbFloor());
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () ->
                RunSettings.load(null, Map.of("mine.steps", "many"))
                    .bind("mine", MineSettings.class)),
        "--set mine.steps=many",
        "expected a whole number, found many");
  }

  /** A few lines that stand for billions of values, or for endless ones. */
  @Test
  void aliasesAreCountedByWhatTheyStandFor() throws IOException {
    StringBuilder laughs = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
      String before = "*a" + (i - 1);
      laughs.append("a" + i + ": &a" + i + " [" + (before + ", ").repeat(9) + before + "]\n");
    }
    Path many = write(laughs.toString());
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(many, Map.of())),
        "run.yaml:",
        "expected at most 10000 values");
    Path cycle = write("seed: 1\ntrain: &t\n  lora: *t\n");
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(cycle, Map.of())),
        "run.yaml:",
        "expected no alias of what it stands in");
    Path deep = write("[".repeat(100_000));
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> RunSettings.load(deep, Map.of())),
        "run.yaml");
  }

  private void assertRefused(String text, String... parts) throws IOException {
    Path file = write(text);
    Exception refused =
        assertTimeoutPreemptively(
            Duration.ofSeconds(30),
            () -> assertThrows(RuntimeException.class, () -> RunSettings.load(file, Map.of())));
    assertSays(refused, "run.yaml");
    assertSays(refused, parts);
    assertTrue(refused.getMessage().length() < 2000, refused.getMessage());
  }

  /** Aliases side by side, in keys, merged, and of what they stand in. */
  @Test
  void aliasesOfEveryForm() throws IOException {
    String many = "expected at most 10000 values";
    assertRefused("a: &a [" + "1, ".repeat(999) + "1]\nb: [" + "*a, ".repeat(999) + "*a]", many);
    StringBuilder merged = new StringBuilder("a0: &a0 {" + "k: 1}\n");
    for (int i = 1; i < 9; i++) {
      String before = "*a" + (i - 1);
      merged.append(
          "a" + i + ": &a" + i + "\n  <<: [" + (before + ", ").repeat(20) + before + "]\n");
    }
    assertRefused(merged.toString(), many);
    assertRefused("a: &a\n  <<: *a\n  b: 1\n", "expected no alias of what it stands in");
    assertRefused("a: &a [*a]\n", "expected no alias of what it stands in");
    assertRefused("? &k [x, y]\n: *k\n? *k\n: 1\n", "found a list or a map as a key");
    assertRefused("x: *nowhere\n", "undefined alias nowhere");
    assertEquals(7, file("seed: &s 7\nthreads: *s\n").bind("threads", Integer.class));
  }

  @Test
  void depthAndSizesOfYaml() throws IOException {
    assertRefused("a: " + "[".repeat(100_000) + "]".repeat(100_000), "Nesting Depth exceeded");
    assertRefused("a: " + "{a: ".repeat(20_000) + "1" + "}".repeat(20_000), "Nesting Depth");
    String characters = "run.yaml:2: expected at most 10000 characters in a value, found ";
    // Reading these as numbers would take the square of their digits.
    assertRefused("threads: 1\nseed: " + "9".repeat(500_000), characters + "500000");
    assertRefused("threads: 1\nseed: 1" + ":59".repeat(100_000), characters + "300001");
    assertRefused("threads: 1\nseed: !!binary " + "A".repeat(500_000), characters + "500000");
    assertRefused("threads: 1\n? " + "k".repeat(20_000) + "\n: 1", characters + "20000");
    assertRefused("# c\n".repeat(300_000), "expected at most 1048576 bytes, found 1200000");
    assertRefused("k: 1\nk: 2\n", "found duplicate key");
  }

  @Test
  void oneDocumentWithoutTags() throws IOException {
    assertRefused("---\nseed: 1\n---\nseed: 2\n", "run.yaml:3: ", "another document");
    assertRefused("seed: !!java.net.URL [\"http://localhost/\"]\n", "Global tag is not allowed");
    assertRefused("seed: !local 1\n", "run.yaml:1: ");
    assertEquals(3L, file("--- \nseed: 3\n...\n").bind("seed", Long.class));
  }

  @Test
  void namesThatNoFileCanHave() {
    for (String key : List.of("data.samples", "model.folder")) {
      RunSettings settings = RunSettings.load(null, Map.of(key, "a\0b"));
      assertSays(
          assertThrows(IllegalArgumentException.class, () -> settings.path(key)),
          "--set " + key,
          "expected a path, found \"a\\u0000b\"");
    }
    RunSettings answers = RunSettings.load(null, Map.of("mine.answers", "a\0b"));
    assertSays(
        assertThrows(
            IllegalArgumentException.class, () -> answers.bind("mine", MineSettings.class)),
        "--set mine.answers",
        "must name a file");
  }

  @Test
  void requiredPaths() {
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () -> RunSettings.load(null, Map.of()).requiredPath("data.samples")),
        "data.samples is not set",
        "--set data.samples=PATH");
  }
}
