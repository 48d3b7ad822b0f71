package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.BadRow;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.PopeFile;
import org.equipoise.mbpo.data.PreferenceFile;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Row;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.data.SampleFile;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a user's samples and pairs and checks them, images and all, before any long work begins.
 * What cannot be used is refused by file and line or, with {@code data.skipBad}, left out.
 */
final class InputSamples {
  static final String DROPPED = "dropped.jsonl";
  private static final int LISTED = 5;
  private static final Function<Sample, String> SAMPLE = Sample::id;

  private final RunSettings settings;
  private final PrintWriter messages;
  private final InputCheck check;
  private final boolean skipBad;
  private final DataLimits limits;
  private final List<BadRow> leftOut = new ArrayList<>();

  /** Rows of the file at hand that could not be read. */
  private final List<BadRow> unread = new ArrayList<>();

  /**
   * @param model whose tokenizer and image processor must take the data
   * @param newTokens most tokens of an answer that is generated; 0 where none is
   * @param dryRun whether images are decoded, too; they are always where bad ones are left out, as
   *     none may be met later
   * @param messages told what was left out, and how far a long check is
   */
  InputSamples(
      RunSettings settings,
      CheckedModel model,
      int newTokens,
      boolean dryRun,
      PrintWriter messages) {
    this.settings = settings;
    this.messages = messages;
    this.skipBad = settings.bind("data.skipBad", Boolean.class);
    this.limits = settings.bind("data.limits", DataLimits.class);
    this.check = new InputCheck(model, limits, newTokens, dryRun || skipBad, messages);
  }

  /**
   * Samples to learn answers from.
   *
   * @param key of the setting that names the file
   */
  List<Sample> toTeach(String key) {
    return samples(key, check::taught);
  }

  /** Samples whose answers are verified while training. */
  List<Sample> toPrompt(String key) {
    return samples(key, check::verified);
  }

  List<Sample> toEvaluate(String key) {
    return samples(key, check::evaluated);
  }

  private List<Sample> samples(String key, Consumer<Sample> checked) {
    Path file = settings.requiredPath(key);
    return values(good(file, SampleFile.rows(file, limits, handler()), checked));
  }

  /** What a check says against a value, or {@code null}. */
  private static <T> Function<T, @Nullable String> problem(Consumer<T> check) {
    return value -> {
      try {
        check.accept(value);
        return null;
      } catch (IllegalArgumentException | StorageException e) {
        return e.getMessage();
      }
    };
  }

  /**
   * Those of the samples that can be mined: with an image, and with twins that name each other.
   *
   * @param twinsNeeded whether every sample must have a twin among them
   */
  List<Sample> toMine(String key, boolean twinsNeeded) {
    Path file = settings.requiredPath(key);
    List<Row<Sample>> rows = SampleFile.rows(file, limits, handler());
    List<Row<Sample>> seen = rows.stream().filter(row -> !row.value().images().isEmpty()).toList();
    if (seen.size() < rows.size()) {
      messages.println(
          "Left out: " + (rows.size() - seen.size()) + " samples of " + file + " without an image");
      rows.stream()
          .filter(row -> row.value().images().isEmpty())
          .forEach(row -> leftOut.add(bad(row, row.value().id(), "it has no image to perturb")));
    }
    List<Row<Sample>> usable = good(file, seen, check::taught);
    unread.clear();
    TwinCheck twins = new TwinCheck(values(usable), twinsNeeded);
    return values(good(file, "samples", usable, twins::problem, SAMPLE));
  }

  /** Questions in POPE's format. */
  List<Sample> pope(Path file, Path images) {
    return values(good(file, PopeFile.rows(file, images, limits, handler()), check::evaluated));
  }

  /**
   * @param key of the setting that names a folder that mining wrote, or a file
   */
  List<PreferenceRecord> pairs(String key) {
    Path path = settings.requiredPath(key);
    Path file = Files.isDirectory(path) ? PreferenceStore.pairs(path) : path;
    List<Row<PreferenceRecord>> rows = PreferenceFile.rows(file, limits, handler());
    check.prepare(rows.stream().flatMap(row -> row.value().images().stream()));
    return values(good(file, "pairs", rows, problem(check::pair), PreferenceRecord::id));
  }

  /** Writes a line for each row that was left out, where there is any. */
  void writeDropped(RunFolder run) {
    if (!leftOut.isEmpty()) {
      run.write(DROPPED, file -> BadRow.write(file, leftOut));
    }
  }

  private List<Row<Sample>> good(Path file, List<Row<Sample>> rows, Consumer<Sample> checked) {
    check.prepare(rows.stream().flatMap(row -> row.value().images().stream()));
    return good(file, "samples", rows, problem(checked), SAMPLE);
  }

  private BadRow.Handler handler() {
    unread.clear();
    return skipBad ? unread::add : BadRow.Handler.refuse();
  }

  private <T> List<Row<T>> good(
      Path file,
      String what,
      List<Row<T>> rows,
      Function<T, @Nullable String> problem,
      Function<T, String> id) {
    List<BadRow> bad = new ArrayList<>(unread);
    List<Row<T>> good = new ArrayList<>();
    for (Row<T> row : rows) {
      String found = problem.apply(row.value());
      if (found == null) {
        good.add(row);
      } else {
        bad.add(bad(row, id.apply(row.value()), found));
      }
    }
    if (!bad.isEmpty()) {
      tell(file, what, bad, good.size());
    }
    if (good.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no " + what + " that can be used");
    }
    return good;
  }

  private void tell(Path file, String what, List<BadRow> bad, int good) {
    StringBuilder list = new StringBuilder();
    list.append(bad.size()).append(" of ").append(bad.size() + good).append(' ').append(what);
    list.append(" cannot be used: ");
    for (BadRow row : bad.subList(0, Math.min(LISTED, bad.size()))) {
      list.append(file).append(':').append(row.line()).append(": ");
      list.append(row.id() == null ? "" : Excerpt.of(row.id()) + ": ");
      list.append(row.reason()).append("; ");
    }
    list.append(bad.size() > LISTED ? "and others; " : "");
    if (!skipBad) {
      throw new IllegalArgumentException(
          list + "mend the file, or leave them out with --set data.skipBad=true");
    }
    leftOut.addAll(bad);
    messages.println("Left out: " + list + "the others are used");
  }

  private static <T> List<T> values(List<Row<T>> rows) {
    return rows.stream().map(Row::value).toList();
  }

  private static BadRow bad(Row<?> row, String id, String reason) {
    return new BadRow(row.file(), row.line(), id, reason);
  }
}
