package org.equipoise.mbpo.cli;

/**
 * A subcommand of the command line, found by {@link java.util.ServiceLoader}: {@code
 * META-INF/services/ org.equipoise.mbpo.cli.CommandContribution} names the class. So the main
 * packages need not know who adds to them.
 */
public interface CommandContribution {
  /**
   * An object annotated with {@code picocli.CommandLine.Command}, best a {@code Callable<Integer>}
   * that returns an {@link ExitCode}. Exceptions may leave it: they become a sentence and an exit
   * code.
   */
  Object command();
}
