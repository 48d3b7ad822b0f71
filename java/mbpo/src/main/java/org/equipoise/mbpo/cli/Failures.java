package org.equipoise.mbpo.cli;

import java.io.PrintWriter;
import org.equipoise.mbpo.run.CancelledException;

/** Turns what a command threw into a sentence and an exit code. */
final class Failures {
  private Failures() {}

  static int report(Throwable error, PrintWriter out, boolean withStackTrace) {
    if (withStackTrace) {
      error.printStackTrace(out);
    }
    if (error instanceof CancelledException) {
      // ConsoleRun has said so.
      return ExitCode.CANCELLED;
    }
    String message = error.getMessage();
    out.println(
        "Error: "
            + (message == null || message.isBlank() ? error.getClass().getName() : message)
            + FileNames.remedy(error));
    if (!withStackTrace) {
      out.println("Repeat the command with --debug for details.");
    }
    return ExitCode.FAILURE;
  }
}
