package org.equipoise.mbpo.data;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Preference pairs as JSON Lines or as one list of objects, mined here or written elsewhere: {@code
 * chosen} and {@code rejected} as texts or messages, the question as {@code prompt}, {@code
 * question} or {@code messages}, or in both answers' lists; images as {@link SampleFile} has them.
 * What mining measured may be missing.
 */
public final class PreferenceFile {
  private PreferenceFile() {}

  /** Every pair, in order; images are decoded when asked for. Errors name file and line. */
  public static List<PreferenceRecord> read(Path file) {
    return rows(file, DataLimits.defaults(), BadRow.Handler.refuse()).stream()
        .map(Row::value)
        .toList();
  }

  /** The same with each pair's line. */
  public static List<Row<PreferenceRecord>> rows(Path file, DataLimits limits, BadRow.Handler bad) {
    ImageFolder folder = ImageFolder.of(file, limits);
    String prefix = file.getFileName().toString().replaceAll("\\.[^.]*$", "") + "-";
    Map<String, Integer> numberById = new HashMap<>();
    return JsonLines.rows(
        file,
        limits,
        (number, fields) -> {
          PreferenceRecord pair = PairRows.read(folder, fields, prefix + number);
          SampleFile.requireNew(numberById, pair.id(), number);
          return List.of(pair);
        },
        bad);
  }
}
