package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line as a shell starts it, where the locale is that of {@code LANG=C}. */
class LauncherTest {
  /** In octal, so that this process's own locale does not matter. */
  private static final String NAME = "\"$(printf 'gr\\303\\266\\303\\237e')\"";

  @TempDir Path folder;

  @BeforeEach
  void aCheckpointWhoseNameIsNotAscii() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher is a shell script");
    TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
    Path tokenizer = folder.resolve("checkpoint/tokenizer_config.json");
    Files.writeString(
        tokenizer, Files.readString(tokenizer).replaceFirst("\\{", "{\"x\\\\u001b[2J\": \"y\", "));
    assertEquals(0, shell("mv checkpoint " + NAME));
    Files.copy(Path.of("src/main/launcher/equipoise.sh"), folder.resolve("equipoise.sh"));
    Files.write(
        folder.resolve("equipoise"),
        List.of(
            "-cp \"" + System.getProperty("java.class.path") + "\"",
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "org.equipoise.mbpo.cli.EquipoiseCommand"));
  }

  private int shell(String command) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder("/bin/sh", "-c", command).directory(folder.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("LANG", "C");
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_"));
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("output").toFile());
    return builder.start().waitFor();
  }

  private String output() throws IOException {
    return Files.readString(folder.resolve("output"));
  }

  @Test
  void theLauncherReadsNamesThatAreNotAscii() throws Exception {
    assertEquals(ExitCode.OK, shell("sh ./equipoise.sh inspect " + NAME), output());
    assertTrue(output().contains("language model: 2 layers"), output());
    // What a logger prints is readable in the process as well.
    assertTrue(output().contains("without effect: x\\u001b[2J"), output());
  }

  @Test
  void withoutItTheCauseAndTheCureAreSaid() throws Exception {
    assertEquals(ExitCode.USAGE, shell("$JAVA_HOME/bin/java @equipoise inspect " + NAME), output());
    assertTrue(
        output()
            .contains(
                "has not all the letters of this one: start the command with the environment"
                    + " variable LC_ALL=C.UTF-8"),
        output());
  }
}
