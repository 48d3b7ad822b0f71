package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
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

/** What is no exception in Java ends a run like one: in a sentence, and finished work stays. */
class ErrorsInStagesTest {
  @TempDir Path root;

  @Command(name = "fail")
  static final class FailCommand implements Callable<Integer> {
    @Parameters(index = "0")
    private Path root;

    @Parameters(index = "1")
    private String how;

    @Override
    public Integer call() {
      StageGraph graph =
          StageGraph.of(
              Stage.of("first", c -> AtomicFiles.write(c.file("done"), "1")),
              Stage.of("second", c -> AtomicFiles.write(c.file("done"), fail() + "2"))
                  .after("first"));
      try (RunFolder folder = RunFolder.open(root)) {
        ConsoleRun.run(graph, folder, 2, how.equals("setup") ? this::fail : () -> {});
      }
      return ExitCode.OK;
    }

    private String fail() {
      switch (how) {
        case "memory" -> {
          return "" + new long[8][Integer.MAX_VALUE - 8].length;
        }
        case "stack" -> {
          return fail() + "";
        }
        case "library" -> System.loadLibrary("there is none\u001b[2J");
        case "native" -> {
          try (Tensor a = torch.ones(2, 3)) {
            a.mm(a);
          }
        }
        case "assertion", "setup" -> throw new AssertionError("x\u001b[2J" + "y".repeat(8_000_000));
        default -> {
          return "";
        }
      }
      return "";
    }
  }

  @ParameterizedTest
  @CsvSource({
    "memory, stage second failed: memory ran out (Java heap space)",
    "stack, stage second failed: something is nested too deeply",
    "library, stage second failed: a library could not be loaded (no there is none\\u001b[2J in",
    "native, stage second failed: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
    "assertion, 'stage second failed: an error within the program: java.lang.AssertionError:"
        + " x\\u00'",
    "setup, a worker could not go on: an error within the program: java.lang.AssertionError: x"
  })
  void anErrorIsASentenceAndFinishedStagesStay(String how, String sentence) throws Exception {
    StringWriter err = new StringWriter();
    assertEquals(ExitCode.FAILURE, run(err, how));
    String said = err.toString();
    assertTrue(said.startsWith("Error: " + sentence), said);
    assertTrue(said.length() < 2200, "" + said.length());
    assertFalse(said.contains("\u001b") || said.contains("frame #") || said.contains("\tat "));
    assertTrue(how.equals("setup") || Files.exists(root.resolve("first/done")));
    assertFalse(Files.exists(root.resolve("second/done")));

    err.getBuffer().setLength(0);
    assertEquals(ExitCode.OK, run(err, "well"), err::toString);
    assertEquals("2", AtomicFiles.readText(root.resolve("second/done")));
  }

  private int run(StringWriter err, String how) {
    CommandLine commandLine = EquipoiseCommand.commandLine();
    commandLine.addSubcommand(new FailCommand());
    commandLine.setErr(ReadableWriter.ofRemarks(err).printer());
    return EquipoiseCommand.execute(commandLine, "fail", root.toString(), how);
  }
}
