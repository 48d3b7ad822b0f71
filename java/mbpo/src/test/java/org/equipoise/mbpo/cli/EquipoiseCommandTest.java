package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.util.concurrent.Callable;
import org.equipoise.mbpo.run.CancelledException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

class EquipoiseCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  /** A subcommand that ends as its option says. */
  @Command(name = "end")
  static final class EndCommand implements Callable<Integer> {
    @Option(names = "--how", defaultValue = "well")
    private String how;

    @Override
    public Integer call() {
      switch (how) {
        case "cancelled" -> throw new CancelledException();
        case "badly" -> throw new IllegalArgumentException("the file x.json is missing; fetch it");
        case "silently" -> throw new IllegalStateException();
        case "hostile" ->
            throw new IllegalArgumentException(
                "x\u001b]52;c;cm0gLXJm\u0007\r\u202egnp.exe\n" + "y".repeat(8_000_000));
        case "too deep" -> throw new StackOverflowError();
        case "too big" -> throw new OutOfMemoryError("Java heap space");
        default -> {
          return ExitCode.OK;
        }
      }
    }
  }

  private int execute(String... arguments) {
    CommandLine commandLine = EquipoiseCommand.commandLine();
    commandLine.addSubcommand(new EndCommand());
    commandLine.setOut(ReadableWriter.ofResults(out).printer());
    commandLine.setErr(ReadableWriter.ofRemarks(err).printer());
    return EquipoiseCommand.execute(commandLine, arguments);
  }

  @Test
  void unknownOptionIsNamedWithASuggestion() {
    assertEquals(ExitCode.USAGE, execute("end", "--hov", "well"));
    assertEquals(
        "Unknown option: --hov\nDid you mean: --how?\nTry 'equipoise end --help'.\n",
        err.toString());
  }

  /** What a terminal would obey is shown, and no message is longer than a screen. */
  @Test
  void hostileTextsAreShownAndShortened() {
    assertEquals(ExitCode.FAILURE, execute("end", "--how", "hostile"));
    String said = err.toString();
    assertTrue(
        said.startsWith("Error: x\\u001b]52;c;cm0gLXJm\\u0007\\u000d\\u202egnp.exe\\nyyy"), said);
    assertTrue(said.length() < 2200, "" + said.length());
    assertEquals(2, said.lines().count(), said);
    assertEquals(ExitCode.USAGE, execute("end", "--\u001b[2J"));
    assertFalse(err.toString().contains("\u001b"));
  }

  @Test
  void errorsOfMemoryAndStackAreSentences() {
    assertEquals(ExitCode.FAILURE, execute("end", "--how", "too deep"));
    assertTrue(err.toString().startsWith("Error: something is nested too deeply"), err.toString());
    assertEquals(ExitCode.FAILURE, execute("end", "--how", "too big"));
    assertTrue(err.toString().contains("memory ran out (Java heap space)"), err.toString());
    assertFalse(err.toString().contains("\tat "), err.toString());
  }

  @Test
  void unknownCommandIsNamedWithASuggestion() {
    assertEquals(ExitCode.USAGE, execute("inf"));
    assertTrue(
        err.toString().startsWith("Unknown command or argument: inf\nDid you mean: "),
        err::toString);
    assertTrue(err.toString().contains("info"), err::toString);
  }

  @Test
  void missingValueIsNamed() {
    assertEquals(ExitCode.USAGE, execute("end", "--how"));
    assertTrue(
        err.toString().startsWith("Missing required parameter for option '--how'"), err::toString);
  }

  @Test
  void noCommandListsThem() {
    assertEquals(ExitCode.USAGE, execute());
    assertTrue(err.toString().startsWith("Missing command: "), err::toString);
    assertTrue(err.toString().contains("demo") && err.toString().contains("info"), err::toString);
  }

  @Test
  void endsWithItsExitCode() {
    assertEquals(ExitCode.OK, execute("end"));
    assertEquals("", err.toString());
    assertEquals(ExitCode.CANCELLED, execute("end", "--how=cancelled"));
    assertEquals("", err.toString(), "whoever cancels is told by the run");
  }

  @Test
  void failureIsASentenceAndAStackTraceOnlyWhenAsked() {
    assertEquals(ExitCode.FAILURE, execute("end", "--how=badly"));
    assertEquals(
        "Error: the file x.json is missing; fetch it\n"
            + "Repeat the command with --debug for details.\n",
        err.toString());
    assertEquals(ExitCode.FAILURE, execute("end", "--how=badly", "--debug"));
    assertTrue(err.toString().contains("\tat " + EndCommand.class.getName()), err::toString);
    assertEquals(ExitCode.FAILURE, execute("end", "--how=silently"));
    assertTrue(err.toString().contains("Error: java.lang.IllegalStateException"), err::toString);
  }

  @Test
  void debugMayStandBeforeTheCommandToo() {
    assertEquals(ExitCode.FAILURE, execute("--debug", "end", "--how=badly"));
    assertTrue(err.toString().contains("\tat "), err::toString);
  }

  @Test
  void helpNamesCommandsAndExitCodes() {
    assertEquals(ExitCode.OK, execute("--help"));
    for (String expected : new String[] {"demo", "info", "--debug", "Exit codes:", "130", "2 "}) {
      assertTrue(out.toString().contains(expected), () -> expected + " is missing in\n" + out);
    }
    assertEquals(ExitCode.OK, execute("end", "--help"));
  }

  @Test
  void versionIsTheBuildsVersion() {
    assertEquals(ExitCode.OK, execute("--version"));
    assertTrue(
        out.toString().matches("(?s)equipoise \\d+\\.\\d+\\.\\d+.*Java \\d+.*"), out::toString);
    assertFalse(out.toString().contains("${"), out::toString);
  }

  @Test
  void infoSaysWhatIsLoaded() {
    assertEquals(ExitCode.OK, execute("info"), err::toString);
    assertTrue(out.toString().contains("libtorch: "), out::toString);
  }
}
