package org.equipoise.mbpo.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
    List<String> shown =
        found("(?s)```java\n(.*?)```", Files.readString(ROOT.resolve("README.md")));
    List<String> compiled =
        found("(?s)// \\[readme]\n(.*?)\n *// \\[end]", Files.readString(EXAMPLES)).stream()
            .map(example -> example.stripIndent() + "\n")
            .toList();
    assertFalse(compiled.isEmpty());
    assertEquals(compiled, shown);
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
  @ValueSource(strings = {"README.md", "CONTRIBUTING.md", "java/mbpo/README.md"})
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
