package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Where commands write: never over what they read, nor over what users made of earlier outputs. */
class OutputPlacesTest {
  @TempDir Path temporary;
  private Path folder;
  private CommandFiles files;
  private String said;

  @BeforeEach
  void files() throws IOException {
    Equipoise.threads(1);
    folder = temporary.toRealPath();
    files = CommandFiles.in(folder);
  }

  private int run(String command, String... more) {
    List<String> arguments = new ArrayList<>(files.arguments(command, List.of()));
    arguments.addAll(List.of(more));
    return run(arguments);
  }

  private int run(List<String> arguments) {
    StringWriter text = new StringWriter();
    CommandLine commandLine = EquipoiseCommand.commandLine();
    commandLine
        .setOut(ReadableWriter.ofResults(text).printer())
        .setErr(ReadableWriter.ofRemarks(text).printer());
    // The last of two options counts.
    commandLine.setOverwrittenOptionsAllowed(true);
    int code = EquipoiseCommand.execute(commandLine, arguments.toArray(String[]::new));
    said = text.toString();
    return code;
  }

  private void assertRuns(String command, String... more) {
    assertEquals(ExitCode.OK, run(command, more), () -> said);
  }

  private void assertRefused(String part, String command, String... more) {
    assertEquals(ExitCode.FAILURE, run(command, more), () -> said);
    assertTrue(said.contains(part), said);
    assertFalse(said.contains("\tat "), said);
  }

  private Path out(String name) {
    return files.file("out").resolve(name);
  }

  private static String set(String key, Path path) {
    return "--set=" + key + "=" + path;
  }

  @Test
  void inputsAreNeverOutputs() throws IOException {
    assertRuns(CommandFiles.SFT);
    Path adapter = out("train/adapter");
    byte[] weights = Files.readAllBytes(adapter.resolve("adapter_model.safetensors"));
    assertRefused(
        "model.adapter is "
            + adapter
            + ", which would be written to; choose another folder for --out",
        CommandFiles.SFT,
        set("model.adapter", adapter));
    Path link = Files.createSymbolicLink(files.file("link"), adapter);
    assertRefused(
        "model.adapter is " + link + ", which would be",
        CommandFiles.SFT,
        set("model.adapter", link));
    assertEquals(
        weights.length, Files.size(adapter.resolve("adapter_model.safetensors")), "as it was");
    Path checkpoint = files.file("checkpoint");
    assertRefused(
        "model.folder is " + checkpoint + ", into which nothing is written",
        CommandFiles.EVALUATE,
        "--out=" + checkpoint.resolve("evaluation"));
    assertFalse(Files.exists(checkpoint.resolve("evaluation")));
    byte[] config = Files.readAllBytes(checkpoint.resolve("config.json"));
    assertRefused(
        "into which nothing is written",
        CommandFiles.ATTACK,
        "--overwrite",
        "--out=" + checkpoint.resolve("config.json"));
    assertEquals(config.length, Files.size(checkpoint.resolve("config.json")));
    assertRuns(CommandFiles.MINE, "--dry-run", set("data.pairs", out("mine/preferences")));
    Path image = Files.createDirectories(out("mine/pictures")).resolve("a.png");
    Files.copy(files.file("image-0.png"), image);
    files.write("other.jsonl", CommandFiles.sample(image.toString(), "q ?", "yes") + "\n");
    assertRefused(
        "an image is " + image + ", which would be",
        CommandFiles.MINE,
        set("data.samples", files.file("other.jsonl")));
  }

  @Test
  void settingsInsideTheirOwnRun() throws IOException {
    assertRuns(CommandFiles.SFT);
    Path settings = out("settings.yaml");
    String noted = Files.readString(settings);
    String same = "--config=" + settings;
    assertRuns(CommandFiles.SFT, same);
    assertRefused(
        "--config is " + settings + ", which would be written to",
        CommandFiles.SFT,
        same,
        "--set=train.sft.steps=2");
    assertEquals(noted, Files.readString(settings));
    Files.writeString(settings, "# tried on Monday\n" + noted);
    assertRefused("--config is " + settings, CommandFiles.SFT, same);
    assertRefused(settings + " is not as a run wrote it", CommandFiles.SFT);
    assertEquals("# tried on Monday\n" + noted, Files.readString(settings));
  }

  @Test
  void anEditedReportIsReplacedOnlyWhenAskedTo() throws IOException {
    assertRuns(CommandFiles.EVALUATE);
    assertRuns(CommandFiles.EVALUATE);
    Path report = Files.writeString(out("report.html"), "with remarks");
    assertRefused(report + " is not as a run wrote it", CommandFiles.EVALUATE);
    assertEquals("with remarks", Files.readString(report));
    assertRuns(CommandFiles.EVALUATE, "--overwrite");
    assertTrue(Files.readString(report).contains("<html"));
  }

  /** The run folder is ours; what stands in a stage's place is not. */
  @Test
  void aFolderOfTheUsersAmongStages() throws IOException {
    assertRuns(CommandFiles.EVALUATE);
    Path thesis = Files.createDirectories(out("mine")).resolve("thesis.tex");
    Files.writeString(thesis, "mine");
    assertRefused(thesis + " was not written by a run", CommandFiles.MINE);
    assertEquals("mine", Files.readString(thesis));
  }

  @Test
  void nothingOfTheUsersGetsIntoAMergedCheckpoint() throws IOException {
    Path secret = Files.writeString(files.file("id_rsa"), "a key");
    Path link = files.file("checkpoint").resolve("vocab.json");
    Files.createSymbolicLink(link, secret);
    assertRefused(
        link + " leads to " + secret + ", outside", CommandFiles.SFT, "--merge", "--dry-run");
    assertRuns(CommandFiles.SFT, "--dry-run");
  }

  @Test
  void summariesReplaceNothing() throws IOException {
    Path first = files.file("1.csv");
    assertRuns(CommandFiles.EVALUATE);
    Files.copy(out("results.csv"), first);
    List<String> arguments =
        List.of("summarise", first.toString(), out("results.csv").toString(), "--origin=x");
    byte[] before = Files.readAllBytes(first);
    for (String more : List.of("", "--overwrite")) {
      List<String> words = new ArrayList<>(arguments);
      words.add("--csv=" + first);
      if (!more.isEmpty()) {
        words.add(more);
      }
      assertEquals(ExitCode.FAILURE, run(words), () -> said);
      assertTrue(said.contains("--csv is one of the files that are read"), said);
    }
    assertEquals(before.length, Files.size(first));
    Path notes = Files.writeString(files.file("notes.csv"), "a,b\n");
    List<String> words = new ArrayList<>(arguments);
    words.add("--csv=" + notes);
    assertEquals(ExitCode.FAILURE, run(words), () -> said);
    assertTrue(said.contains("give --overwrite"), said);
    assertEquals("a,b\n", Files.readString(notes));
    words.add("--overwrite");
    assertEquals(ExitCode.OK, run(words), () -> said);
  }
}
