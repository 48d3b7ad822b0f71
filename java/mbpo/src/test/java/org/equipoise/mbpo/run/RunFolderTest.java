package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
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

  @Test
  void markerThatThisProgramDidNotWriteIsNamed() throws IOException {
    StageGraph graph = StageGraph.of(Stage.of("one", c -> AtomicFiles.write(c.file("a"), "1")));
    try (RunFolder folder = RunFolder.open(root)) {
      graph.run(folder, RunOptions.defaults());
      Path marker = root.resolve(".run/one.json");
      Files.writeString(marker, "nonsense");
      IllegalStateException refused =
          assertThrows(IllegalStateException.class, () -> graph.run(folder, RunOptions.defaults()));
      assertTrue(refused.getMessage().contains(marker.toString()), refused.getMessage());
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
      assertTrue(folder.marker("small").orElseThrow().finished());
      assertEquals(0, folder.files("large").size(), "no torn file stays");
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
