package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.run.StageGraph;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * A run at a console that is asked to end writes its checkpoint first, and goes on the next time.
 */
class ConsoleRunTest {
  @TempDir Path root;

  /** Counts until it is cancelled or finds a file that tells it to end. */
  @Command(name = "count")
  static final class CountCommand implements Callable<Integer> {
    @Parameters private Path root;

    @Override
    public Integer call() {
      StageGraph graph =
          StageGraph.of(
              Stage.of("first", c -> AtomicFiles.write(c.file("done"), "1")),
              Stage.of(
                      "count",
                      c -> {
                        Path file = c.file("counted");
                        int count =
                            Files.exists(file) ? Integer.parseInt(AtomicFiles.readText(file)) : 0;
                        while (!c.cancelled() && !Files.exists(c.folder().resolveSibling("end"))) {
                          Thread.sleep(1);
                          count++;
                          if (count == 1) {
                            AtomicFiles.write(c.folder().resolveSibling("started"), "");
                          }
                        }
                        AtomicFiles.write(file, Integer.toString(count));
                        c.stopIfCancelled();
                      })
                  .after("first"));
      try (RunFolder folder = RunFolder.open(root)) {
        ConsoleRun.run(graph, folder, 1, () -> {});
      }
      return ExitCode.OK;
    }

    public static void main(String[] arguments) {
      CommandLine commandLine = new CommandLine(new CountCommand());
      commandLine.setExecutionExceptionHandler(
          (error, command, parsed) -> Failures.report(error, command.getErr(), false));
      System.exit(commandLine.execute(arguments));
    }
  }

  private Process start() throws Exception {
    return new ProcessBuilder(
            // Programs that a shell starts in the background inherit a SIGINT that is ignored.
            "env",
            "--default-signal=INT",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            CountCommand.class.getName(),
            root.toString())
        .redirectErrorStream(true)
        .start();
  }

  /** What the terminal's Ctrl-C sends, and what schedulers and service managers do. */
  @ParameterizedTest
  @CsvSource({"INT, 2", "TERM, 15"})
  void aSignalLetsTheStageWriteItsCheckpoint(String signal, int number) throws Exception {
    Process process = start();
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!Files.exists(root.resolve("started"))) {
      assertTrue(process.isAlive() && System.nanoTime() < end, "the process must start counting");
      Thread.sleep(10);
    }
    assertEquals(
        0,
        new ProcessBuilder("kill", "-s", signal, Long.toString(process.pid())).start().waitFor());
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(128 + number, process.waitFor(), output);
    assertTrue(output.contains("stopping after the current step\n"), output);
    assertTrue(output.contains("cancelled; finished work is kept"), output);
    int counted = Integer.parseInt(AtomicFiles.readText(root.resolve("count/counted")));
    assertTrue(counted > 0, "the checkpoint must have been written");

    Files.writeString(root.resolve("end"), "");
    Process second = start();
    output = new String(second.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(ExitCode.OK, second.waitFor(), output);
    assertTrue(output.contains("first: done by an earlier run\n"), output);
    assertTrue(output.contains("count: starts, it was interrupted and goes on\n"), output);
    assertEquals(counted, Integer.parseInt(AtomicFiles.readText(root.resolve("count/counted"))));
  }
}
