package org.equipoise.mbpo.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.equipoise.mbpo.report.MarkdownTable;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Holds the documentation to the code: examples are compiled ones, links lead somewhere. */
class ReadmeTest {
  private static final Path ROOT = Path.of("../..").toAbsolutePath().normalize();
  private static final Path EXAMPLES =
      Path.of("src/test/java/org/equipoise/mbpo/docs/ReadmeExamplesTest.java");

  private static final Path PRECOMPUTED =
      Path.of("src/main/resources/org/equipoise/mbpo/demo/precomputed.csv");

  @Test
  void everyJavaExampleIsACompiledOne() throws IOException {
    List<String> shown = fenced("java", Files.readString(ROOT.resolve("README.md")));
    List<String> compiled = marked(EXAMPLES);
    assertFalse(compiled.isEmpty());
    assertEquals(compiled, shown);
  }

  /**
   * Kotlin's and Scala's examples are compiled ones, too; those of the families' pages are Java's.
   */
  @Test
  void everyOtherExampleIsACompiledOne() throws IOException {
    Path interop = ROOT.resolve("java/interop");
    String shown = Files.readString(interop.resolve("README.md"));
    Path kotlin = interop.resolve("kotlin/src/test/kotlin/org/equipoise/kotlin/ExamplesTest.kt");
    Path scala = interop.resolve("scala/src/main/scala/org/equipoise/scala3/Families.scala");
    assertEquals(new TreeSet<>(marked(kotlin)), new TreeSet<>(fenced("kotlin", shown)));
    assertEquals(new TreeSet<>(marked(scala)), new TreeSet<>(fenced("scala", shown)));
    assertEquals(6, fenced("kotlin", shown).size());
    assertEquals(6, fenced("scala", shown).size());
    List<String> java = marked(EXAMPLES);
    int pages = 0;
    try (Stream<Path> families = Files.list(ROOT.resolve("java/torch/families"))) {
      for (Path page : families.toList()) {
        for (String example : fenced("java", Files.readString(page))) {
          assertTrue(
              java.stream().anyMatch(c -> c.contains(example)),
              () -> page + " shows what is not compiled: " + example);
          pages++;
        }
      }
    }
    assertTrue(pages >= 6, "examples in the families' pages: " + pages);
  }

  private static List<String> marked(Path file) throws IOException {
    return found("(?s)// \\[readme]\n(.*?)\n *// \\[end]", Files.readString(file)).stream()
        .map(example -> example.stripIndent() + "\n")
        .toList();
  }

  private static List<String> fenced(String language, String text) {
    return found("(?s)```" + language + "\n(.*?)```", text);
  }

  /** The README's first table and the one that every report carries are the same numbers. */
  @Test
  void resultsAreThePrecomputedOnes() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    List<String> tables = new ArrayList<>();
    if (Files.exists(PRECOMPUTED)) {
      for (ResultTable table :
          ResultCsv.parse(PRECOMPUTED.toString(), Files.readString(PRECOMPUTED))) {
        tables.add(MarkdownTable.render(table));
      }
    }
    assertEquals(
        tables.isEmpty() ? "" : "\n" + String.join("\n", tables) + "\n",
        found("(?s)<!-- results: .*? -->\n(.*?)<!-- end of results -->", readme).get(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "README.md",
        "CONTRIBUTING.md",
        "benchmarks/README.md",
        "cuda-kernels/README.md",
        "cuda-kernels/RUN_ON_GPU.md",
        "native/README.md",
        "java/kernels/README.md",
        "java/torch/README.md",
        "java/mbpo/README.md",
        "java/interop/README.md",
        "java/torch/families/README.md",
        "java/torch/families/token-log-probs.md",
        "java/torch/families/fused-linear.md",
        "java/torch/families/preference-losses.md",
        "java/torch/families/policy-losses.md",
        "java/torch/families/advantages.md",
        "java/torch/families/attacks.md",
        "java/torch/families/from-trl.md"
      })
  void relativeLinksLeadSomewhere(String document) throws IOException {
    Path file = ROOT.resolve(document);
    List<String> targets = found("\\]\\(([^)#:]+)(?:#[^)]*)?\\)", Files.readString(file));
    assertFalse(targets.isEmpty());
    for (String target : targets) {
      assertTrue(Files.exists(file.resolveSibling(target)), () -> document + " links to " + target);
    }
  }

  private static List<String> found(String pattern, String text) {
    List<String> found = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    while (matcher.find()) {
      found.add(matcher.group(1));
    }
    return found;
  }
}
