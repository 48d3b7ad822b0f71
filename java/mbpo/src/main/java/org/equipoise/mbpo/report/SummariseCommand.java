package org.equipoise.mbpo.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.equipoise.mbpo.cli.CommandContribution;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code equipoise summarise}: result files of several seeds to one table, and into a README. */
@Command(
    name = "summarise",
    description = "Averages the result files of several seeds, with intervals over seeds.")
public final class SummariseCommand implements Callable<Integer> {
  private static final String BEGIN = "<!-- results: written by equipoise summarise --readme -->\n";
  private static final String END = "<!-- end of results -->\n";

  @Parameters(
      arity = "2..*",
      paramLabel = "RESULTS.csv",
      description = "Result files, one per seed, of the same version and options.")
  private List<Path> files;

  @Option(
      names = "--origin",
      required = true,
      description = "Commit, command, seeds and machine in one sentence; printed with the table.")
  private String origin;

  @Option(names = "--csv", required = true, description = "Where the averaged table is written.")
  private Path csv;

  @Option(
      names = "--readme",
      description = "Markdown file whose results section is replaced by the tables.")
  private Path readme;

  @Option(names = "--overwrite", description = "Replace the file of --csv if it is there.")
  private boolean overwrite;

  /** Contributes the command to the command line. */
  public static final class Contribution implements CommandContribution {
    @Override
    public Object command() {
      return new SummariseCommand();
    }
  }

  @Override
  public Integer call() {
    requireFree();
    List<ResultTable> summary =
        SeedSummary.of(
            origin,
            files.stream()
                .map(file -> ResultCsv.parse(file.toString(), AtomicFiles.readText(file)))
                .toList());
    if (readme != null) {
      AtomicFiles.write(readme, replaceResults(readme, AtomicFiles.readText(readme), summary));
    }
    AtomicFiles.write(csv, ResultCsv.format(summary));
    return 0;
  }

  private void requireFree() {
    List<Path> read = new ArrayList<>(files);
    if (readme != null) {
      // It may be a link of the user's own, which stays one.
      readme = real(readme);
      read.add(readme);
    }
    if (!Files.exists(csv, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (read.stream().anyMatch(file -> real(file).equals(real(csv)))) {
      throw new IllegalArgumentException(
          csv + ": --csv is one of the files that are read; name another");
    }
    if (!overwrite || !Files.isRegularFile(csv, LinkOption.NOFOLLOW_LINKS)) {
      throw new IllegalArgumentException(
          csv + ": is there already; name another --csv, or give --overwrite to replace a file");
    }
  }

  private static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** The text with the tables between its two result marks. */
  static String replaceResults(Path file, String text, List<ResultTable> tables) {
    int begin = text.indexOf(BEGIN);
    int end = text.indexOf(END, Math.max(0, begin));
    if (begin < 0 || end < 0) {
      throw new IllegalArgumentException(
          file + " has no results section: it needs the lines\n" + BEGIN + END);
    }
    return text.substring(0, begin) + BEGIN + section(tables) + text.substring(end);
  }

  private static String section(List<ResultTable> tables) {
    return "\n" + String.join("\n", tables.stream().map(MarkdownTable::render).toList()) + "\n";
  }
}
