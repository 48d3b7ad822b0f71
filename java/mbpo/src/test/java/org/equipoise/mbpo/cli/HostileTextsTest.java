package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every command over files of somebody who wants the terminal, the log, the report or the
 * spreadsheet to do something: nothing of it arrives, and no message is longer than a screen.
 */
class HostileTextsTest {
  /** Clipboard, cursor, direction of writing, lines, what nobody sees, and a formula. */
  private static final String HOSTILE =
      "\u001b]52;c;cm0gLXJm\u0007\u001b[2J\r\b\u007f\u009b31m\u0000\u202egnp.\u2066\u200f\u061c"
          + "\u2028\u2029\ufeff\u200b\ud83d =HYPERLINK(\"http://x\") <script>x</script>";

  /** Halves of characters are refused in names of fields by the JSON reader itself. */
  private static final String IN_A_FIELD = HOSTILE.replace("\ud83d", "");

  /** What a file may be called under any locale. */
  private static final String IN_A_NAME = "\u001b]0;x\u0007\r";

  private static final int LONG = 200_000;

  /** Of a field in JSON, as Jackson reads it. */
  private static final int LONGEST_NAME = 50_000;

  @TempDir Path folder;
  private CommandFiles files;
  private String out;
  private String err;

  @BeforeEach
  void hostileFiles() throws IOException {
    files = CommandFiles.in(folder);
    change(
        "checkpoint/config.json",
        json -> json.put("c" + IN_A_FIELD, "v" + HOSTILE).put("d".repeat(LONGEST_NAME), "x"));
    change(
        "checkpoint/tokenizer_config.json",
        json -> json.put("t" + IN_A_FIELD, "v" + HOSTILE).put("u".repeat(LONGEST_NAME), "x"));
    change("checkpoint/generation_config.json", json -> json.put("g" + IN_A_FIELD, "v" + HOSTILE));
    String image = "image" + IN_A_NAME + ".png";
    Files.copy(files.file("image-0.png"), files.file(image));
    StringBuilder samples = new StringBuilder();
    for (String answer : new String[] {"yes", "no", "option"}) {
      ObjectNode row = Json.MAPPER.createObjectNode();
      row.put("id", answer + HOSTILE).put("image", image).put("question", "is it " + HOSTILE);
      row.put("answer", answer.equals("option") ? "red" + HOSTILE : answer);
      if (answer.equals("option")) {
        row.putArray("options").add("red" + HOSTILE).add("blue");
      }
      samples.append(ascii(row)).append('\n');
    }
    files.write("samples.jsonl", samples.toString());
    hostileTensor();
  }

  private interface Change {
    void of(ObjectNode json);
  }

  private void change(String name, Change change) throws IOException {
    ObjectNode json = (ObjectNode) Json.MAPPER.readTree(Files.readString(files.file(name)));
    change.of(json);
    files.write(name, ascii(json));
  }

  /** Half of a character exists as an escape only. */
  private static String ascii(Object json) {
    StringBuilder text = new StringBuilder();
    for (char c : json.toString().toCharArray()) {
      text.append(c < 0x7f ? Character.toString(c) : "\\u%04x".formatted((int) c));
    }
    return text.toString();
  }

  private void hostileTensor() {
    Path weights = files.file("checkpoint/model.safetensors");
    try (PointerScope scope = new PointerScope()) {
      SafetensorsFile.Contents contents = SafetensorsFile.read(weights);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      tensors.put("w" + IN_A_FIELD, torch.ones(1));
      SafetensorsFile.write(weights, tensors, contents.metadata());
    }
  }

  /** As the process runs a command line, its logs and everything else on the streams included. */
  private int run(List<String> arguments) {
    PrintStream usualOut = System.out;
    PrintStream usualErr = System.err;
    ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    try {
      StandardStreams.guard(outBytes, errBytes);
      return EquipoiseCommand.execute(arguments.toArray(String[]::new));
    } finally {
      System.setOut(usualOut);
      System.setErr(usualErr);
      out = outBytes.toString(Charset.defaultCharset());
      err = errBytes.toString(Charset.defaultCharset());
    }
  }

  private void assertHarmless(int exitCode, List<String> arguments) {
    assertEquals(exitCode, run(arguments), () -> err);
    assertReadable("output", out);
    assertReadable("error output", err);
    for (String line : err.split("\n")) {
      assertTrue(line.length() < 4100, () -> line.length() + " characters: " + line);
    }
    assertTrue(err.length() < 40_000, () -> err.length() + " characters");
  }

  /** Written out here once more: the seam may not be its own judge. */
  private static void assertReadable(String where, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean control = c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0;
      boolean direction =
          c == 0x61c
              || c == 0x200e
              || c == 0x200f
              || c >= 0x2028 && c <= 0x202e
              || c >= 0x2066 && c <= 0x2069;
      boolean unseen = c == 0x200b || c == 0xfeff;
      boolean half =
          Character.isHighSurrogate(c)
                  && (i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1)))
              || Character.isLowSurrogate(c)
                  && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)));
      if (control || direction || unseen || half) {
        String around = text.substring(Math.max(0, i - 60), Math.min(text.length(), i + 20));
        throw new AssertionError(where + " holds " + Integer.toHexString(c) + " in: " + around);
      }
    }
  }

  private void assertFilesHarmless(String name) throws IOException {
    try (Stream<Path> all = Files.walk(files.file(name))) {
      for (Path file : all.filter(path -> path.toString().matches(".*\\.(html|csv)")).toList()) {
        assertReadable(file.toString(), Files.readString(file));
        assertTrue(!Files.readString(file).contains("<script"), file.toString());
      }
    }
  }

  /** Into a folder whose name says something to a terminal, too. */
  private List<String> arguments(String command) {
    List<String> arguments = new ArrayList<>(files.arguments(command, List.of()));
    int at = arguments.indexOf("--out");
    if (at >= 0) {
      arguments.set(at + 1, files.file("out" + IN_A_NAME).toString());
    }
    return arguments;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        CommandFiles.INSPECT,
        CommandFiles.ATTACK,
        CommandFiles.MINE,
        CommandFiles.EVALUATE,
        CommandFiles.HYBRID
      })
  void commandsSayNothingThatATerminalObeys(String command) throws IOException {
    String[] hostile = {"chosen" + HOSTILE, "rejected" + HOSTILE};
    StringBuilder pairs = new StringBuilder();
    for (int i = 0; i < 2; i++) {
      ObjectNode pair = (ObjectNode) Json.MAPPER.readTree(CommandFiles.pair(i, "no"));
      pair.put("id", i + HOSTILE).put("kind", HOSTILE);
      ((ObjectNode) pair.path("rejected").get(0)).put("content", hostile[1]);
      pairs.append(ascii(pair)).append('\n');
    }
    files.write("pairs/preferences.jsonl", pairs.toString());
    assertHarmless(ExitCode.OK, arguments(command));
    assertFilesHarmless(".");
  }

  /**
   * The model itself says what a terminal obeys: its generation_config.json leaves it no choice.
   */
  @Test
  void theModelsOwnAnswerIsShown() throws IOException {
    ObjectNode vocabulary =
        (ObjectNode)
            Json.MAPPER
                .readTree(Files.readString(files.file("checkpoint/tokenizer.json")))
                .path("model")
                .path("vocab");
    // As the byte-level alphabet writes escape, carriage return and NUL.
    List<Integer> left =
        Stream.of("\u011b", "\u010d", "\u0100")
            .map(token -> vocabulary.path(token).asInt())
            .toList();
    change(
        "checkpoint/generation_config.json",
        json -> {
          var suppressed = json.putArray("suppress_tokens");
          for (int id = 0; id < 320; id++) {
            if (!left.contains(id)) {
              suppressed.add(id);
            }
          }
        });
    List<String> arguments = new ArrayList<>(arguments(CommandFiles.GENERATE));
    arguments.addAll(List.of("--set", "generate.maxNewTokens=4"));
    assertHarmless(ExitCode.OK, arguments);
    assertTrue(out.matches("(\\\\u(001b|000d|0000)){4}\\R"), out);
  }

  /** Data is kept as it is; what of it is shown is not. */
  @Test
  void importedAnswersAreShownAndKept() throws IOException {
    ObjectNode answer = Json.MAPPER.createObjectNode().put("id", "yes" + HOSTILE);
    files.write("answers.jsonl", ascii(answer.put("answer", "a cat " + HOSTILE)) + "\n");
    List<String> arguments = new ArrayList<>(arguments(CommandFiles.MINE));
    arguments.addAll(
        List.of(
            "--set=mine.source=IMPORTED",
            "--set=mine.answers=" + files.file("answers.jsonl"),
            "--set=mine.preview=2",
            "--set=mine.options.maximumLengthRatio=1000"));
    assertHarmless(ExitCode.OK, arguments);
    assertTrue(out.contains("rejected: a cat \\u001b]52;c;"), out);
    Path store = files.file("out" + IN_A_NAME).resolve("mine/preferences");
    PreferenceRecord pair = PreferenceStore.read(store).get(0);
    // Half of a character has no bytes in UTF-8.
    String kept = HOSTILE.replace('\ud83d', '?');
    assertEquals("yes" + kept, pair.id());
    assertEquals("a cat " + kept, pair.rejected());
  }

  /** Refusals name what they found, as an excerpt. */
  @ParameterizedTest
  @CsvSource({
    "ID, id",
    "IMAGE, image",
    "ANSWER, answer",
    "FIELD, x",
    "SETTING, x",
    "KEY, x",
    "OPTION, x"
  })
  void refusalsAreShort(String what, String field) throws IOException {
    String huge = HOSTILE.replace("\u0000", "") + "x".repeat(LONG);
    ObjectNode row = Json.MAPPER.createObjectNode();
    row.put("id", "1").put("image", "image-0.png").put("question", "q").put("answer", "yes");
    List<String> arguments = new ArrayList<>(arguments(CommandFiles.EVALUATE));
    int exitCode = ExitCode.FAILURE;
    switch (what) {
      case "ID" -> files.addLine(ascii(row.put(field, huge)));
      case "FIELD" -> row.removeAll().put(huge, "x");
      case "SETTING" -> arguments.add("--set=threads=" + huge);
      case "KEY" -> files.write("run.yaml", "\"" + "k".repeat(LONG) + "\\e[2J\": 1\n");
      case "OPTION" -> {
        arguments.add("--" + huge);
        exitCode = ExitCode.USAGE;
      }
      case "ANSWER" ->
          row.put(field, huge.substring(0, 5000)).putArray("options").add("a" + HOSTILE).add("b");
      default -> row.put(field, huge);
    }
    files.addLine(ascii(row));
    assertHarmless(exitCode, arguments);
    String said = err.lines().filter(line -> !line.matches("(Note|\\[main).*")).toList().get(0);
    assertTrue(said.length() < 2200, said);
    arguments.add("--debug");
    assertHarmless(exitCode, arguments);
  }

  @Test
  void aTableOfResultsFromElsewhereStaysATable() throws IOException {
    String header =
        "table,note,reference,subject,method,kind,metric,label,meaning,better,decimals,headline,"
            + "value,low,high,difference,differenceLow,differenceHigh\n";
    String cell = '"' + HOSTILE.replace("\ud83d", "").replace("\"", "\"\"") + '"';
    String row = String.join(",", java.util.Collections.nCopies(9, cell));
    Path results = files.file("results.csv");
    AtomicFiles.write(results, header + row + ",HIGHER,3,true,0.5,,,,,\n");
    Path readme = files.file("README.md");
    String marks =
        "<!-- results: written by equipoise summarise --readme -->\n<!-- end of results -->\n";
    AtomicFiles.write(readme, marks);
    String file = results.toString();
    Path csv = files.file("all.csv");
    assertHarmless(
        ExitCode.OK,
        List.of(
            "summarise", file, file, "--origin=" + HOSTILE, "--csv=" + csv, "--readme=" + readme));
    for (Path written : List.of(csv, readme)) {
      assertReadable(written.toString(), AtomicFiles.readText(written));
    }
    assertTrue(!AtomicFiles.readText(readme).contains("<script"), AtomicFiles.readText(readme));
  }
}
