package org.equipoise.mbpo.cli;

import java.io.PrintWriter;
import org.equipoise.mbpo.run.CancelledException;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sentence;

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
    out.println("Error: " + sentence(error));
    if (!withStackTrace) {
      out.println("Repeat the command with --debug for details.");
    }
    return ExitCode.FAILURE;
  }

  static String sentence(Throwable error) {
    return Excerpt.beginning(Sentence.of(error), LONGEST) + FileNameEncoding.remedy(error);
  }
}
