package org.equipoise.mbpo.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.JsonNumbers;
import org.jspecify.annotations.Nullable;

/**
 * What happened in a run folder, line by line: that a stage began, and how long it took. Lines that
 * are damaged are dropped when it is opened: what they said is lost, nothing else. Thread-safe.
 */
final class RunJournal {
  private final CheckedLog log;
  private final Map<String, Double> seconds = new LinkedHashMap<>();
  private final Map<String, String> fingerprints = new LinkedHashMap<>();

  private RunJournal(CheckedLog log) {
    this.log = log;
  }

  static RunJournal open(Path file) {
    RunJournal journal = new RunJournal(CheckedLog.open(file));
    journal.log.found().forEach(journal::remember);
    return journal;
  }

  /** A sentence on damage that was found and mended. */
  @Nullable String notice() {
    return log.damage() == null
        ? null
        : log.damage() + "; they tell how long stages took, no work is lost";
  }

  synchronized void began(String stage, String fingerprint) {
    append(Json.MAPPER.createObjectNode().put("stage", stage).put("fingerprint", fingerprint));
  }

  synchronized void finished(String stage, String fingerprint, double duration) {
    append(
        Json.MAPPER
            .createObjectNode()
            .put("stage", stage)
            .put("fingerprint", fingerprint)
            .put("seconds", duration));
  }

  /** Duration of the last successful attempt by stage. */
  synchronized Map<String, Double> seconds() {
    return new LinkedHashMap<>(seconds);
  }

  /** Of what a stage's folder was begun for last; {@code null} if that is not known. */
  synchronized @Nullable String fingerprint(String stage) {
    return fingerprints.get(stage);
  }

  private void append(ObjectNode entry) {
    log.append(entry);
    remember(entry);
  }

  private void remember(ObjectNode entry) {
    String stage = entry.path("stage").asText();
    fingerprints.put(stage, entry.path("fingerprint").asText());
    if (JsonNumbers.isPositive(entry.path("seconds"))) {
      seconds.put(stage, entry.path("seconds").doubleValue());
    }
  }
}
