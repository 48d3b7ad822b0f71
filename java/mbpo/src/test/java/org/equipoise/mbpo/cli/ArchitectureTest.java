package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Which packages may know which, read off the compiled classes. */
class ArchitectureTest {
  private static final String ROOT = "org/equipoise/mbpo/";
  private static final int FEWEST_CLASSES = 60;

  /** The demonstration is an application of the system; the system does not know it. */
  @Test
  void onlyTheDemonstrationKnowsTheDemonstration() throws Exception {
    List<String> offenders = new ArrayList<>();
    int scanned = 0;
    int ofDemonstration = 0;
    for (Path file : classFiles()) {
      String name = packages().relativize(file).toString();
      if (name.startsWith("demo/")) {
        ofDemonstration++;
      } else {
        scanned++;
        if (mentions(file, "demo")) {
          offenders.add(name);
        }
      }
    }
    assertEquals(List.of(), offenders);
    int found = scanned;
    assertTrue(found >= FEWEST_CLASSES, () -> "only " + found + " classes found to check");
    assertTrue(ofDemonstration > 0, "the demonstration's classes must be among the compiled ones");
  }

  /** What is below must not know what is above. */
  @Test
  void layersKnowOnlyWhatIsBelow() throws Exception {
    forbid(
        "storage", "run", "data", "image", "model", "mine", "train", "evaluate", "cli", "report");
    forbid(
        "random", "storage", "run", "data", "image", "model", "mine", "train", "evaluate", "cli");
    forbid("run", "data", "image", "model", "mine", "train", "evaluate", "cli", "report");
    forbid("model", "data", "run", "mine", "train", "evaluate", "cli", "report");
    forbid("reward", "run", "mine", "train", "evaluate", "cli", "report");
    forbid("lora", "data", "image", "model", "run", "mine", "train", "evaluate", "cli", "report");
    forbid("qwen", "run", "mine", "train", "evaluate", "cli", "report");
    forbid("checkpoint", "run", "mine", "train", "evaluate", "cli", "report");
    forbid("mine", "train", "evaluate", "cli", "report");
    forbid("train", "mine", "evaluate", "cli", "report");
    forbid("evaluate", "mine", "train", "cli");
  }

  private static void forbid(String layer, String... above) throws Exception {
    TreeSet<String> offenders = new TreeSet<>();
    int scanned = 0;
    for (Path file : classFiles()) {
      String name = packages().relativize(file).toString();
      if (name.startsWith(layer + "/")) {
        scanned++;
        for (String other : above) {
          if (mentions(file, other)) {
            offenders.add(name + " knows " + other);
          }
        }
      }
    }
    assertEquals(new TreeSet<>(), offenders);
    assertTrue(scanned > 0, () -> "no class of package " + layer + " was found");
  }

  /** By class name in its constants or by a name in a string. */
  private static boolean mentions(Path file, String other) throws IOException {
    String constants = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    return constants.contains(ROOT + other + "/")
        || constants.contains(ROOT.replace('/', '.') + other + ".");
  }

  private static List<Path> classFiles() throws IOException, URISyntaxException {
    try (Stream<Path> walk = Files.walk(packages())) {
      return walk.filter(file -> file.toString().endsWith(".class")).toList();
    }
  }

  private static Path packages() throws URISyntaxException {
    Path classes =
        Path.of(EquipoiseCommand.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    return classes.resolve(ROOT);
  }
}
