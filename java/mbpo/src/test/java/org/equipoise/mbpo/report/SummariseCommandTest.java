package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class SummariseCommandTest {
  @TempDir Path folder;

  @Test
  void averagesIntoCsvAndReadme() throws IOException {
    String readme =
        "# Title\n\n"
            + "<!-- results: written by equipoise summarise --readme -->\n"
            + "old\n"
            + "<!-- end of results -->\n"
            + "rest\n";
    Files.writeString(folder.resolve("README.md"), readme);
    String seed = ResultCsv.format(List.of(SampleReport.table("Trained pairs")));
    Files.writeString(folder.resolve("1.csv"), seed);
    Files.writeString(folder.resolve("2.csv"), seed);

    assertEquals(
        0, run("1.csv", "2.csv", "--origin", "Here.", "--csv", "all.csv", "--readme", "README.md"));

    ResultTable table =
        ResultCsv.parse("all.csv", Files.readString(folder.resolve("all.csv"))).get(0);
    assertEquals(.944, table.row("MBPO").cells().get("auc_adv").value().value(), 1e-12);
    String written = Files.readString(folder.resolve("README.md"));
    assertTrue(written.startsWith("# Title\n") && written.endsWith("\nrest\n"), written);
    assertTrue(written.contains(MarkdownTable.render(table)), written);
    assertEquals(
        written, SummariseCommand.replaceResults(Path.of("README.md"), written, List.of(table)));
  }

  /** A result file from elsewhere cannot write outside the marks, nor end the section early. */
  @Test
  void foreignTextsStayBetweenTheMarks() {
    String begin = "<!-- results: written by equipoise summarise --readme -->\n";
    String end = "<!-- end of results -->\n";
    String before = "# Title\n" + end + "text\n" + begin;
    String after = end + "rest\n" + begin + end;
    ResultTable hostile = SampleReport.table("x\n" + end + "\n# y\n" + begin);
    Path file = Path.of("README.md");
    String once = SummariseCommand.replaceResults(file, before + "old" + after, List.of(hostile));
    assertTrue(once.startsWith(before) && once.endsWith(after), once);
    assertEquals(once, SummariseCommand.replaceResults(file, once, List.of(hostile)));
    assertEquals(before.length() + after.length(), once.length() - section(once, before, after));
  }

  private static int section(String text, String before, String after) {
    String section = text.substring(before.length(), text.length() - after.length());
    assertTrue(!section.contains("<!--") && !section.contains("\n# y"), section);
    return section.length();
  }

  @Test
  void aReadmeWithoutSectionIsLeftAlone() throws IOException {
    Files.writeString(folder.resolve("README.md"), "# Title\n");
    String seed = ResultCsv.format(List.of(SampleReport.table("Trained pairs")));
    Files.writeString(folder.resolve("1.csv"), seed);
    assertNotEquals(
        0, run("1.csv", "1.csv", "--origin", "x", "--csv", "all.csv", "--readme", "README.md"));
    assertEquals("# Title\n", Files.readString(folder.resolve("README.md")));
    assertTrue(Files.notExists(folder.resolve("all.csv")));
  }

  private int run(String... arguments) {
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].endsWith(".csv") || arguments[i].endsWith(".md")) {
        arguments[i] = folder.resolve(arguments[i]).toString();
      }
    }
    return new CommandLine(new SummariseCommand())
        .setErr(new PrintWriter(new StringWriter()))
        .execute(arguments);
  }
}
