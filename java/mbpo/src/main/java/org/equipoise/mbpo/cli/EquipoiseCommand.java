package org.equipoise.mbpo.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ServiceLoader;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/**
 * The command line. Subcommands beyond those of this package come as {@link CommandContribution}s.
 */
@Command(
    name = "equipoise",
    description = "Balances what a multimodal model sees against what its language model expects.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    scope = ScopeType.INHERIT,
    subcommands = InfoCommand.class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:everything was done",
      "1:something failed; a sentence says what",
      "2:the command line was not understood, nothing was done",
      "130:cancelled (Ctrl-C, SIGINT); finished work is kept",
      "143:cancelled by SIGTERM; the same"
    })
public final class EquipoiseCommand implements Runnable {
  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show stack traces and detailed log messages.")
  private boolean debug;

  @CommandLine.Spec private CommandLine.Model.CommandSpec specification;

  public static void main(String[] arguments) {
    StandardStreams.Output output =
        StandardStreams.guard(
            new FileOutputStream(FileDescriptor.out), new FileOutputStream(FileDescriptor.err));
    Thread.setDefaultUncaughtExceptionHandler(EquipoiseCommand::ended);
    int exitCode = execute(arguments);
    if (exitCode == ExitCode.OK && output.failure() != null) {
      System.err.println("Error: the output could not be written: " + output.failure());
      exitCode = ExitCode.FAILURE;
    }
    System.exit(exitCode);
  }

  /** Threads of this program end by themselves; what else ended one is worth a sentence. */
  private static void ended(Thread thread, Throwable error) {
    System.err.println("Error in thread " + thread.getName() + ": " + Failures.sentence(error));
  }

  /** Runs a command line and returns its {@link ExitCode}. */
  public static int execute(String... arguments) {
    try {
      Logging.configure(arguments);
      CommandLine commandLine = commandLine();
      commandLine.setOut(ReadableWriter.ofResults(commandLine.getOut()).printer());
      commandLine.setErr(ReadableWriter.ofRemarks(commandLine.getErr()).printer());
      return execute(commandLine, arguments);
    } catch (Error error) {
      // Before there was a command line.
      return Failures.report(error, new PrintWriter(System.err, true), false);
    }
  }

  /** Errors of memory and stack end with a sentence, too. */
  static int execute(CommandLine commandLine, String... arguments) {
    try {
      return commandLine.execute(arguments);
    } catch (Error error) {
      EquipoiseCommand root = commandLine.getCommand();
      return Failures.report(error, commandLine.getErr(), root.debug);
    }
  }

  static CommandLine commandLine() {
    EquipoiseCommand root = new EquipoiseCommand();
    CommandLine commandLine = new CommandLine(root);
    for (CommandContribution contribution : ServiceLoader.load(CommandContribution.class)) {
      commandLine.addSubcommand(contribution.command());
    }
    return commandLine
        .setCaseInsensitiveEnumValuesAllowed(true)
        // Colours are control characters.
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .registerConverter(Path.class, FileNameEncoding::path)
        .setParameterExceptionHandler(new UsageErrors())
        .setExecutionExceptionHandler((error, command, parsed) -> root.report(error, command));
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(
        specification.commandLine(),
        "Missing command: " + String.join(", ", specification.subcommands().keySet()));
  }

  private int report(Exception error, CommandLine command) {
    return Failures.report(error, command.getErr(), debug);
  }
}
