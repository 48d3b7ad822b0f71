package org.equipoise.mbpo.command;

import java.util.concurrent.Callable;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.cli.ExitCode;
import org.equipoise.mbpo.config.RunSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code equipoise config}. */
@Command(
    name = "config",
    description = {
      "Prints all settings with their defaults and what they mean.",
      "`equipoise config > run.yaml` makes a file to change; keys may be left out of it."
    })
public final class ConfigCommand implements Callable<Integer> {
  @Spec private CommandSpec specification;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new ConfigCommand();
    }
  }

  @Override
  public Integer call() {
    specification.commandLine().getOut().print(RunSettings.defaultsText());
    specification.commandLine().getOut().flush();
    return ExitCode.OK;
  }
}
