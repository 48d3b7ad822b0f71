package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.Json;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever users and strangers lay into a run's folder stays what it is. */
class OwnFilesTest {
  @TempDir Path temporary;
  private Path root;
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeEach
  void run() {
    root = temporary.resolve("run");
    run("1");
    runs.set(0);
  }

  /** Two stages, the second with a folder of its own and an output that its work mends. */
  private StageGraph graph(String setting) {
    return StageGraph.of(
        Stage.of("first", c -> AtomicFiles.write(c.file("out.txt"), "first " + runs.addAndGet(1)))
            .setting("setting", setting),
        Stage.of(
                "second",
                c -> {
                  AtomicFiles.write(c.file("adapter/weights.bin"), "weights " + runs.addAndGet(1));
                  AtomicFiles.write(c.file("store/pairs.jsonl"), "{}\n");
                  AtomicFiles.write(c.file("report.html"), "report");
                })
            .withChecked(Set.of("store"))
            .setting("setting", setting));
  }

  private List<String> run(String setting) {
    List<String> said = new ArrayList<>();
    RunListener listener =
        new RunListener() {
          @Override
          public void stageStarted(Stage stage, String reason) {
            said.add(stage.id() + " " + reason);
          }

          @Override
          public void noticed(String sentence) {
            said.add(sentence);
          }
        };
    try (RunFolder folder = RunFolder.open(root)) {
      graph(setting).run(folder, RunOptions.defaults().withListener(listener));
    }
    return said;
  }

  /** Refused by name before any stage works. */
  private void assertRefused(Path named, String part) {
    String message =
        assertThrows(RuntimeException.class, () -> run("2"), () -> named + " is used").getMessage();
    assertTrue(message.contains(named.toString()) && message.contains(part), message);
    assertTrue(message.matches(".*nothing (there )?was changed"), message);
    assertEquals(0, runs.get(), "nothing may run before it");
  }

  private Path write(String name, String text) throws IOException {
    Path file = temporary.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text);
  }

  private static void assertHolds(String text, Path file) throws IOException {
    assertEquals(text, Files.readString(file), file.toString());
  }

  @Test
  void notesInAStagesFolderAreRefusedByNameWhenItBeginsAnew() throws IOException {
    for (String name : List.of("notes.txt", "adapter/picture.png", "new/thesis.tex")) {
      Path notes = write("run/second/" + name, "mine");
      assertEquals(List.of(), run("1"), "finished stages mind nobody");
      assertRefused(notes, "was not written by a run, and the stage second writes to this folder");
      assertHolds("mine", notes);
      Files.delete(notes);
    }
    assertEquals(2, run("2").size());
  }

  @Test
  void aFolderOfTheUsersInAStagesPlaceIsRefused() throws IOException {
    Files.delete(root.resolve(".run/second.json"));
    Files.delete(root.resolve(".run/written.jsonl"));
    assertRefused(root.resolve("second/adapter/weights.bin"), "was not written by a run");
    assertHolds("report", root.resolve("second/report.html"));
  }

  @Test
  void hiddenFilesOfFileManagersStay() throws IOException {
    Path hidden = write("run/second/adapter/.DS_Store", "x");
    assertEquals(2, run("2").size());
    assertHolds("x", hidden);
    assertHolds("weights 2", root.resolve("second/adapter/weights.bin"));
    assertFalse(Files.readString(root.resolve(".run/second.json")).contains("DS_Store"));
  }

  @Test
  void anEditedReportIsKeptWhenTheStageBeginsAnew() throws IOException {
    Path report = write("run/second/report.html", "with remarks");
    Path kept = root.resolve("set-aside/second/report.html");
    String sentence =
        "second: " + report + " was changed since it was written; as it was found it is kept as ";
    assertTrue(run("2").contains(sentence + kept));
    assertHolds("with remarks", kept);
    assertHolds("report", report);
    write("run/second/report.html", "with more");
    assertTrue(run("3").contains(sentence + kept + ".2"));
    assertHolds("with more", root.resolve("set-aside/second/report.html.2"));
    assertHolds("with remarks", kept);
  }

  /** What the work mends itself must be in its place, and what was found there is kept. */
  @Test
  void editedPairsAreKeptWhenTheStageGoesOn() throws IOException {
    Path pairs = write("run/second/store/pairs.jsonl", "{\"better\": 1}\n");
    String said = String.join("\n", run("1"));
    assertTrue(said.contains("it is kept as " + root.resolve("set-aside/second/store")), said);
    assertHolds("{\"better\": 1}\n", root.resolve("set-aside/second/store/pairs.jsonl"));
    assertHolds("{}\n", pairs);
  }

  @Test
  void linksInAStagesFolderAreRefusedByNameAndNotFollowed() throws IOException {
    Path target = write("elsewhere/weights.bin", "a stranger's");
    Path folder = root.resolve("second/adapter");
    Files.move(folder, temporary.resolve("moved"));
    Files.createSymbolicLink(folder, target.getParent());
    assertRefused(folder, "is a symbolic link");
    Files.delete(folder);
    Files.createDirectory(folder);
    Path file = Files.createSymbolicLink(folder.resolve("weights.bin"), target);
    assertRefused(file, "is a symbolic link");
    Files.delete(file);
    Files.move(root.resolve("second"), temporary.resolve("stage"));
    Path stage = Files.createSymbolicLink(root.resolve("second"), target.getParent());
    assertRefused(stage, "found a symbolic link");
    assertHolds("a stranger's", target);
    assertEquals(1, target.getParent().toFile().list().length);
  }

  @Test
  void linksInTheStateAreRefusedByNameAndNotFollowed() throws IOException {
    Path secret = write("id_rsa", "a key\nwithout an end");
    for (String name : List.of("lock", "journal.jsonl", "written.jsonl", "first.json")) {
      Path file = root.resolve(".run").resolve(name);
      byte[] old = Files.readAllBytes(file);
      Files.delete(file);
      Files.createSymbolicLink(file, secret);
      assertRefused(file, "found a symbolic link");
      Files.delete(file);
      Files.createLink(file, secret);
      if (!name.endsWith(".json")) {
        String message = assertThrows(RuntimeException.class, () -> run("2")).getMessage();
        assertTrue(message.contains(file + ": it has another name (a hard link)"), message);
      }
      assertHolds("a key\nwithout an end", secret);
      Files.delete(file);
      Files.write(file, old);
    }
    Path moved = Files.move(root.resolve(".run"), temporary.resolve("state"));
    Files.createSymbolicLink(root.resolve(".run"), moved);
    assertRefused(root.resolve(".run"), "found a symbolic link");
  }

  @Test
  void theFolderItselfMayBeALink() throws IOException {
    Path link = Files.createSymbolicLink(temporary.resolve("link"), root);
    root = link;
    assertEquals(List.of(), run("1"));
    assertEquals(2, run("2").size());
  }

  /** A run of a stranger's may say that it wrote any file. */
  @Test
  void recordsThatNameFilesOutsideReachNone() throws IOException {
    Path victim = write("victim", "precious");
    Path marker = root.resolve(".run/second.json");
    ObjectNode record = CheckedJson.read(Files.readString(marker)).orElseThrow();
    for (String name :
        List.of("../../victim", victim.toString(), "a/../../../victim", "../first")) {
      ObjectNode hostile = record.deepCopy();
      ((ObjectNode) hostile.get("files")).set(name, record.at("/files/report.html"));
      Files.writeString(marker, Json.text(CheckedJson.checked(hostile)));
      String names = "{\"files\": [\"" + name + "\", \"second/" + name + "\"]}";
      Files.writeString(
          root.resolve(".run/written.jsonl"),
          Files.readString(root.resolve(".run/written.jsonl"))
              + CheckedJson.line((ObjectNode) Json.MAPPER.readTree(names))
              + "\n");
      String said = String.join("\n", run(name));
      assertTrue(said.contains("second.json names files outside of the stage's folder"), said);
      assertHolds("precious", victim);
    }
  }

  /** What comes into the way while a stage works is met when it is written at the latest. */
  @Test
  void nothingIsReplacedThatCameMeanwhile() throws IOException {
    Path other = root.resolve("third/result.txt");
    Path secret = write("secret", "a key");
    StageGraph graph =
        StageGraph.of(
            Stage.of(
                "third",
                c -> {
                  Files.writeString(c.file("result.txt"), "a user's");
                  Files.createSymbolicLink(c.file("folder"), temporary);
                  for (String name : List.of("result.txt", "folder/secret")) {
                    assertThrows(
                        IllegalArgumentException.class, () -> AtomicFiles.write(c.file(name), "x"));
                    assertThrows(
                        IllegalArgumentException.class,
                        () -> AtomicFiles.append(c.file(name), 0, new byte[1]));
                  }
                }));
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults());
      AtomicFiles.write(temporary.resolve("beside"), "is nobody's business");
    }
    assertHolds("a user's", other);
    assertHolds("a key", secret);
    AtomicFiles.write(other, "the folder is closed");
  }

  /** Such runs have no list of names; their records tell. */
  @Test
  void runsOfAnEarlierVersionBeginAnew() throws IOException {
    Files.delete(root.resolve(".run/written.jsonl"));
    assertEquals(2, run("2").size());
    assertHolds("weights 2", root.resolve("second/adapter/weights.bin"));
  }

  @Test
  void filesAtTheTopAreReplacedIfTheyAreAsARunLeftThem() throws IOException {
    Path file = root.resolve("results.csv");
    try (RunFolder folder = RunFolder.open(root)) {
      folder.write("results.csv", "1");
      folder.write("results.csv", "2");
    }
    Files.writeString(file, "with remarks");
    try (RunFolder folder = RunFolder.open(root)) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> folder.requireReplaceable(false, "results.csv"));
      assertTrue(
          refused.getMessage().startsWith(file + " is not as a run wrote it"),
          refused.getMessage());
      assertThrows(IllegalArgumentException.class, () -> folder.write("results.csv", "3"));
      assertHolds("with remarks", file);
      folder.requireReplaceable(true, "results.csv");
      folder.write("results.csv", path -> AtomicFiles.write(path, "3"));
      folder.write("results.csv", "4");
      assertHolds("4", file);
    }
    Path link = Files.createSymbolicLink(root.resolve("link.csv"), write("secret", "a key"));
    try (RunFolder folder = RunFolder.open(root)) {
      assertThrows(
          IllegalArgumentException.class, () -> folder.requireReplaceable(true, "link.csv"));
    }
    assertTrue(Files.exists(link, LinkOption.NOFOLLOW_LINKS));
  }
}
