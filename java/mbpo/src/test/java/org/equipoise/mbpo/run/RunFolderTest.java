package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir Path root;

  /** Opens the folder of its argument, says so, and holds it until it is killed. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] arguments) throws Exception {
      try (RunFolder folder = RunFolder.open(Path.of(arguments[0]))) {
        Files.writeString(folder.path().resolve("held"), "");
        Thread.sleep(TimeUnit.MINUTES.toMillis(5));
      }
    }
  }

  @Test
  void oneProcessAtATimeAndAKilledOneDoesNotCount() throws Exception {
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                root.toString())
            .inheritIO()
            .start();
    try {
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
      while (!Files.exists(root.resolve("held"))) {
        assertTrue(holder.isAlive() && System.nanoTime() < end, "the other process must start");
        Thread.sleep(10);
      }
      IllegalStateException refused =
          assertThrows(IllegalStateException.class, () -> RunFolder.open(root));
      assertEquals(
          "the folder "
              + root
              + " is in use by process "
              + holder.pid()
              + "; wait for it, stop it, or choose another folder",
          refused.getMessage());
    } finally {
      holder.destroyForcibly().waitFor();
    }
    RunFolder.open(root).close();
  }

  /** What stages write replaces what is there, so it must be a run's or nobody's. */
  @Test
  void aFolderOfSomebodyElseIsRefusedAndLeftAlone() throws IOException {
    Path mine = Files.createDirectories(root.resolve("project/train"));
    Files.writeString(mine.resolve("train.py"), "print(1)");
    // Other programs keep things in folders of this name.
    Files.writeString(
        Files.createDirectories(root.resolve("project/.run")).resolve("App.run.xml"), "<x/>");
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> RunFolder.open(root.resolve("project")));
    assertEquals(
        root.resolve("project")
            + ": expected a new or an empty folder, or one that a run has made, found .run in it;"
            + " choose another folder, nothing was changed",
        refused.getMessage());
    assertEquals("print(1)", Files.readString(mine.resolve("train.py")));
    try (var list = Files.list(root.resolve("project/.run"))) {
      assertEquals(1, list.count());
    }
    Path file = Files.writeString(root.resolve("file"), "x");
    assertThrows(IllegalArgumentException.class, () -> RunFolder.open(file));
    assertEquals("x", Files.readString(file));
  }

  @Test
  void aFolderOfARunIsTakenAgain() throws IOException {
    RunFolder.open(root).close();
    Files.writeString(root.resolve("notes.txt"), "a user's");
    RunFolder.open(root).close();
    // Killed before it had its lock.
    Files.createDirectories(root.resolve("killed/.run"));
    RunFolder.open(root.resolve("killed")).close();
  }

  @Test
  void twiceInOneProcessIsRefused() {
    try (RunFolder first = RunFolder.open(root)) {
      assertThrows(IllegalStateException.class, () -> RunFolder.open(first.path()));
    }
    RunFolder.open(root).close();
  }

  @Test
  void unwritableFolderIsNamed() throws IOException {
    Path file = Files.writeString(root.resolve("file"), "");
    StorageException refused =
        assertThrows(StorageException.class, () -> RunFolder.open(file.resolve("run")));
    assertEquals(
        "cannot create folder "
            + file.resolve("run/.run")
            + ": a file stands where a folder is needed",
        refused.getMessage());
  }

  @Test
  void folderWithoutPermissionIsNamed() {
    assumeFalse(
        System.getProperty("user.name").equals("root"),
        "root may write everywhere: nothing to test");
    root.toFile().setWritable(false);
    StorageException refused =
        assertThrows(StorageException.class, () -> RunFolder.open(root.resolve("run")));
    assertTrue(refused.getMessage().contains("permission denied"), refused.getMessage());
  }

  private List<String> reasons(StageGraph graph) {
    List<String> said = new ArrayList<>();
    RunListener listener =
        new RunListener() {
          @Override
          public void stageStarted(Stage stage, String reason) {
            said.add(reason);
          }

          @Override
          public void noticed(String sentence) {
            said.add(sentence);
          }
        };
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults().withListener(listener));
    }
    return said;
  }

  /** Counts how often its work was begun from nothing. */
  private static StageGraph counting(AtomicInteger beginnings, String setting) {
    return StageGraph.of(
        Stage.of(
                "one",
                c -> {
                  if (!Files.exists(c.file("half"))) {
                    beginnings.incrementAndGet();
                    AtomicFiles.write(c.file("half"), "1");
                  }
                  AtomicFiles.write(c.file("whole"), "2");
                })
            .setting("setting", setting));
  }

  /** The journal knows what the folder was begun for, so nothing is lost. */
  @Test
  void ofADamagedRecordTheFolderTells() throws IOException {
    AtomicInteger beginnings = new AtomicInteger();
    reasons(counting(beginnings, "a"));
    Path marker = root.resolve(".run/one.json");
    byte[] written = Files.readAllBytes(marker);
    String goesOn = "its record " + marker + " is damaged; it goes on with what its folder holds";
    for (int at = 0; at < written.length; at += 7) {
      byte[] damaged = written.clone();
      damaged[at] ^= 1;
      Files.write(marker, damaged);
      List<String> said = reasons(counting(beginnings, "a"));
      assertTrue(said.equals(List.of(goesOn)) || said.isEmpty(), at + ": " + said);
      assertEquals(1, beginnings.get());
    }
    Files.writeString(marker, "nonsense");
    assertEquals(List.of(goesOn), reasons(counting(beginnings, "a")));
    Files.writeString(marker, "nonsense");
    assertEquals(
        List.of("its record " + marker + " is damaged; it runs again"),
        reasons(counting(beginnings, "b")));
    assertEquals(2, beginnings.get());
  }

  /** As it was written before records knew contents. */
  @Test
  void aRecordOfAnEarlierVersionRunsTheStageAgainAndSaysWhy() throws IOException {
    AtomicInteger beginnings = new AtomicInteger();
    reasons(counting(beginnings, "a"));
    Path marker = root.resolve(".run/one.json");
    Files.delete(root.resolve(".run/journal.jsonl"));
    Files.writeString(
        marker,
        "{\n  \"fingerprint\" : \"ab\",\n  \"settings\" : {\n    \"setting\" : \"a\"\n  },\n"
            + "  \"inputs\" : { },\n  \"finished\" : true,\n  \"files\" : 2,\n  \"bytes\" :"
            + " 2\n}\n");
    assertEquals(
        List.of("its record " + marker + " is of another version of this program; it runs again"),
        reasons(counting(beginnings, "a")));
    assertEquals(List.of(), reasons(counting(beginnings, "a")));
  }

  @Test
  void aDamagedJournalCostsDurationsOnlyAndIsSaid() throws IOException {
    AtomicInteger beginnings = new AtomicInteger();
    reasons(counting(beginnings, "a"));
    Path journal = root.resolve(".run/journal.jsonl");
    String text = Files.readString(journal);
    for (String damaged :
        List.of("no JSON\n" + text, text.replace("seconds", "Seconds"), "\0\0\0\n\0" + text)) {
      Files.writeString(journal, damaged);
      List<String> said = reasons(counting(beginnings, "a"));
      assertEquals(1, said.size(), said.toString());
      assertTrue(said.get(0).startsWith(journal + ": "), said.get(0));
      assertTrue(said.get(0).endsWith("no work is lost"), said.get(0));
      assertEquals(List.of(), reasons(counting(beginnings, "a")), "it is mended");
    }
  }

  /** The kernel refuses writes beyond the limit, as it does on a full disk. */
  @Test
  void diskThatTakesNoMoreFailsWithASentenceAndKeepsFinishedWork() throws Exception {
    Process limited =
        new ProcessBuilder(
                "bash",
                "-c",
                "ulimit -f 256 && exec \"$@\"",
                "bash",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-cp",
                System.getProperty("java.class.path"),
                Filler.class.getName(),
                root.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(limited.getInputStream().readAllBytes());
    assertEquals(1, limited.waitFor(), output);
    assertTrue(
        output.contains(
            "stage large failed: cannot write " + root.resolve("large/data.bin") + ": "),
        output);
    assertEquals("kept", AtomicFiles.readText(root.resolve("small/data.txt")));
    try (RunFolder folder = RunFolder.open(root)) {
      assertTrue(folder.recorded("small").marker().finished());
      assertEquals(0, folder.stage("large").toFile().list().length, "no torn file stays");
    }
  }

  /** A stage that fits and one that does not. */
  static final class Filler {
    private Filler() {}

    public static void main(String[] arguments) {
      StageGraph graph =
          StageGraph.of(
              Stage.of("small", c -> AtomicFiles.write(c.file("data.txt"), "kept")),
              Stage.of("large", c -> AtomicFiles.write(c.file("data.bin"), new byte[1 << 20]))
                  .after("small"));
      try (RunFolder folder = RunFolder.open(Path.of(arguments[0]))) {
        graph.run(folder, RunOptions.defaults());
      } catch (FailedStageException | UncheckedIOException e) {
        System.out.println(e.getMessage());
        System.exit(1);
      }
    }
  }
}
