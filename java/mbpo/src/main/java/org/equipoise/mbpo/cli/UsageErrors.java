package org.equipoise.mbpo.cli;

import java.io.PrintWriter;
import java.util.List;
import org.equipoise.mbpo.storage.Excerpt;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says what is wrong with a command line, what may have been meant, and where help is. */
final class UsageErrors implements CommandLine.IParameterExceptionHandler {
  /** Characters; an argument may have a hundred thousand. */
  private static final int LONGEST = 1000;

  @Override
  public int handleParseException(ParameterException error, String[] arguments) {
    CommandLine command = error.getCommandLine();
    PrintWriter out = command.getErr();
    out.println(sentence(error));
    if (error instanceof UnmatchedArgumentException unmatched) {
      List<String> meant = unmatched.getSuggestions();
      if (!meant.isEmpty()) {
        out.println("Did you mean: " + String.join(" or ", meant) + "?");
      }
    }
    out.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
    return ExitCode.USAGE;
  }

  private static String sentence(ParameterException error) {
    if (error instanceof UnmatchedArgumentException unmatched
        && !unmatched.getUnmatched().isEmpty()) {
      String argument = unmatched.getUnmatched().get(0);
      String kind = unmatched.isUnknownOption() ? "Unknown option" : "Unknown command or argument";
      return kind + ": " + Excerpt.of(argument);
    }
    return Excerpt.beginning(error.getMessage(), LONGEST);
  }
}
