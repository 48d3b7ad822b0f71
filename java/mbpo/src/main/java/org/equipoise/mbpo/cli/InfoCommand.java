package org.equipoise.mbpo.cli;

import java.util.concurrent.Callable;
import org.equipoise.torch.Equipoise;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Says what is loaded. */
@Command(
    name = "info",
    description = "Show versions, instruction set, threads, loaded libraries and CUDA's status.")
final class InfoCommand implements Callable<Integer> {
  @Spec private CommandSpec specification;

  @Override
  public Integer call() {
    specification.commandLine().getOut().println(Equipoise.info());
    return ExitCode.OK;
  }
}
