package org.equipoise.mbpo.cli;

import java.io.PrintWriter;
import org.equipoise.mbpo.run.CancelledException;
import org.equipoise.mbpo.storage.Excerpt;

/** Turns what a command threw into a sentence and an exit code. */
final class Failures {
  /** Characters; whole lists of a checkpoint's tensors have been messages. */
  private static final int LONGEST = 2000;

  private Failures() {}

  static int report(Throwable error, PrintWriter out, boolean withStackTrace) {
    if (withStackTrace) {
      error.printStackTrace(out);
    }
    if (error instanceof CancelledException) {
      // ConsoleRun has said so.
      return ExitCode.CANCELLED;
    }
    out.println("Error: " + Excerpt.beginning(sentence(error), LONGEST) + FileNames.remedy(error));
    if (!withStackTrace) {
      out.println("Repeat the command with --debug for details.");
    }
    return ExitCode.FAILURE;
  }

  private static String sentence(Throwable error) {
    String message = error.getMessage();
    if (error instanceof OutOfMemoryError) {
      return "memory ran out (" + message + "); JDK_JAVA_OPTIONS=-Xmx4g gives Java 4 GB";
    }
    if (error instanceof StackOverflowError) {
      return "something is nested too deeply to be read";
    }
    return message == null || message.isBlank() ? error.getClass().getName() : message;
  }
}
