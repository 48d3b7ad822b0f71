package org.equipoise.mbpo.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.LineLog;

/**
 * How far a mining is: a line with its fingerprint, then one for each batch that is whole on the
 * disk. Every line has a checksum. Not thread-safe.
 */
final class MiningLog {
  private static final String FINGERPRINT = "fingerprint";

  private final LineLog log;

  private MiningLog(LineLog log) {
    this.log = log;
  }

  /**
   * State after a batch.
   *
   * @param unitsDone of the whole mining
   * @param preferenceBytes length of the file of pairs
   * @param droppedBytes length of the file of what was left out
   * @param lines digest of the lines that this batch added to both
   * @param images digest of the image files that it wrote
   */
  record Batch(
      int unitsDone, long preferenceBytes, long droppedBytes, String lines, String images) {
    static final Batch NONE = new Batch(0, 0, 0, "", "");
  }

  /**
   * What a log says.
   *
   * @param fingerprint nothing where the log does not exist or its first line is damaged
   * @param batches up to the first line that is damaged
   * @param damaged lines that are, and those after them
   */
  record Contents(Optional<String> fingerprint, List<Batch> batches, int damaged) {}

  static Contents read(Path file) {
    List<String> lines = LineLog.read(file);
    Optional<String> fingerprint =
        lines.stream()
            .findFirst()
            .flatMap(CheckedJson::read)
            .filter(first -> first.has(FINGERPRINT))
            .map(first -> first.path(FINGERPRINT).asText());
    List<Batch> batches = new ArrayList<>();
    if (fingerprint.isPresent()) {
      for (String line : lines.subList(1, lines.size())) {
        Optional<Batch> batch = CheckedJson.read(line, Batch.class);
        if (batch.isEmpty()) {
          break;
        }
        batches.add(batch.get());
      }
    }
    int good = fingerprint.isPresent() ? 1 + batches.size() : 0;
    boolean empty = lines.isEmpty() && Files.exists(file);
    return new Contents(fingerprint, batches, lines.size() - good + (empty ? 1 : 0));
  }

  /** Begins a log anew, with what is known to be whole. */
  static MiningLog write(Path file, String fingerprint, List<Batch> batches) {
    StringBuilder lines = new StringBuilder();
    lines.append(CheckedJson.line(Json.MAPPER.createObjectNode().put(FINGERPRINT, fingerprint)));
    lines.append('\n');
    batches.forEach(batch -> lines.append(line(batch)).append('\n'));
    AtomicFiles.write(file, lines.toString());
    return new MiningLog(LineLog.open(file));
  }

  /** Durable when it returns. */
  void append(Batch batch) {
    log.append(line(batch));
  }

  private static String line(Batch batch) {
    return CheckedJson.line(Json.MAPPER.valueToTree(batch));
  }
}
