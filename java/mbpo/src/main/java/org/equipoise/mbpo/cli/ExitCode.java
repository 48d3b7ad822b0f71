package org.equipoise.mbpo.cli;

/** What the process returns to the shell. */
public final class ExitCode {
  /** Everything was done. */
  public static final int OK = 0;

  /** Something failed; a sentence on the error output says what. */
  public static final int FAILURE = 1;

  /** The command line was not understood; nothing was done. */
  public static final int USAGE = 2;

  /** Cancelled by Ctrl-C; finished work is kept. The shell sees 143 where it was SIGTERM. */
  public static final int CANCELLED = 130;

  private ExitCode() {}
}
