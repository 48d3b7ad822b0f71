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
import java.util.List;
import java.util.zip.CRC32;
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
  @TempDir Path folder;
  private CommandFiles files;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void files() throws IOException {
    files = CommandFiles.in(folder);
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
  @MethodSource({
    "org.equipoise.mbpo.cli.EarlyDamages#cases",
    "org.equipoise.mbpo.cli.SizeDamages#cases"
  })
  void isSaidBeforeAnythingIsDone(EarlyDamages.Case wrong) throws IOException {
    List<String> arguments = files.arguments(wrong.command(), wrong.settings());
    wrong.damage().to(files);
    Outcome dry = run(dry(arguments));
    assertEquals(ExitCode.FAILURE, dry.code, dry.said);
    List<String> errors = dry.said.lines().filter(line -> line.startsWith("Error: ")).toList();
    assertEquals(1, errors.size(), dry.said);
    for (String part : wrong.said()) {
      assertTrue(errors.get(0).contains(part), "\"" + errors.get(0) + "\" says " + part);
    }
    assertFalse(Files.exists(files.file("out")), "a dry run writes nothing");
    // What inspect refuses, no command can load.
    String used = wrong.command().equals(INSPECT) ? GENERATE : wrong.command();
    Outcome real = run(files.arguments(used, wrong.settings()));
    assertEquals(ExitCode.FAILURE, real.code, real.said);
    assertEquals(dry.said, real.said, "the same check");
    assertFalse(Files.exists(files.file("out")), "the run has not begun");
  }

  /** Text that looks like one of the model's own marks is text: it never ends a run. */
  @ParameterizedTest
  @ValueSource(strings = {"<|image_pad|>", "<|im_end|>", "<|vision_start|>"})
  void marksOfTheModelInTexts(String mark) throws IOException {
    List<String> failures = new ArrayList<>();
    files.write("samples.jsonl", sample("image-0.png", "what says " + mark + " ?", "yes") + "\n");
    files.addSample("image-1.png", "is there a " + mark + "car ?", "no");
    files.replace("pairs/preferences.jsonl", "maybe", mark + " maybe");
    for (String command : List.of(MINE, EVALUATE, SFT, DPO, GENERATE)) {
      List<String> arguments = new ArrayList<>(files.arguments(command, List.of()));
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

  /**
   * Comparisons with what is no number are false: answers would be the first token, again and
   * again.
   */
  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void weightsThatAreNoNumbers(double value) {
    files.notNumbers(value);
    for (String command : List.of(GENERATE, ATTACK, MINE, EVALUATE, SFT, DPO, HYBRID)) {
      Outcome outcome = run(files.arguments(command, List.of()));
      assertEquals(ExitCode.FAILURE, outcome.code, command + ": " + outcome.said);
      assertTrue(
          outcome.said.contains("damaged") || outcome.said.contains("NaN"),
          command + ": " + outcome.said);
    }
    Outcome sampled = run(files.arguments(GENERATE, List.of("generate.temperature=1")));
    assertEquals(ExitCode.FAILURE, sampled.code, sampled.said);
    assertTrue(sampled.said.contains("its weights are damaged"), sampled.said);
  }

  /** Pixels are looked at by dry runs alone: it takes as long as decoding does. */
  @Test
  void dryRunsDecodeImages() throws IOException {
    // A byte of the first chunk of pixels is another, and so is the chunk's checksum.
    ByteBuffer png = ByteBuffer.wrap(Files.readAllBytes(files.file("image-1.png")));
    int data = 33 + 8;
    int length = png.getInt(33);
    png.put(data + length / 2, (byte) (png.get(data + length / 2) ^ 0x55));
    CRC32 checksum = new CRC32();
    checksum.update(png.array(), data - 4, length + 4);
    png.putInt(data + length, (int) checksum.getValue());
    Files.write(files.file("flipped.png"), png.array());
    files.addSample("flipped.png", QUESTION, "no");
    Outcome dry = run(dry(files.arguments(SFT, List.of())));
    assertEquals(ExitCode.FAILURE, dry.code, dry.said);
    assertTrue(dry.said.contains("samples.jsonl:3: samples-3: cannot decode image"), dry.said);
    assertTrue(dry.said.contains("flipped.png"), dry.said);
  }

  /** A preview of the first samples takes their twins along. */
  @Test
  void twinsThatStandFarApartArePreviewedTogether() throws IOException {
    files.write("samples.jsonl", twin("a", "c") + "\n");
    files.addLine(twin("b", "d"));
    files.addLine(twin("c", "a").replace("no", "yes"));
    files.addLine(twin("d", "b").replace("no", "yes"));
    List<String> arguments =
        new ArrayList<>(files.arguments(MINE, List.of("mine.baseline=TWIN", "mine.preview=1")));
    arguments.add("--preview-only");
    Outcome outcome = run(arguments);
    assertEquals(ExitCode.OK, outcome.code, outcome.said);
  }

  /** What the damages are compared with. */
  @Test
  void nothingIsWrongWithTheFilesThemselves() throws IOException {
    files.adapter();
    for (String command : List.of(INSPECT, GENERATE, ATTACK, MINE, EVALUATE, SFT, DPO, HYBRID)) {
      List<String> arguments = files.arguments(command, List.of("model.adapter=FOLDER/adapter"));
      Outcome dry = run(dry(arguments));
      assertEquals(ExitCode.OK, dry.code, command + ": " + dry.said);
      assertFalse(Files.exists(files.file("out")), command);
    }
  }
}
