package org.equipoise.mbpo.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.JsonNumbers;
import org.equipoise.mbpo.storage.LineLog;
import org.jspecify.annotations.Nullable;

/**
 * What happened in a run folder, line by line: that a stage began, and how long it took. Lines that
 * are damaged are dropped when it is opened: what they said is lost, nothing else. Thread-safe.
 */
final class RunJournal {
  private final LineLog log;
  private final Map<String, Double> seconds = new LinkedHashMap<>();
  private final Map<String, String> fingerprints = new LinkedHashMap<>();
  private @Nullable String notice;

  private RunJournal(LineLog log) {
    this.log = log;
  }

  static RunJournal open(Path file) {
    List<ObjectNode> good = new ArrayList<>();
    List<String> whole = new ArrayList<>();
    List<String> lines = LineLog.read(file);
    for (String line : lines) {
      CheckedJson.read(line)
          .ifPresent(
              entry -> {
                good.add(entry);
                whole.add(line + "\n");
              });
    }
    if (whole.size() < lines.size()) {
      AtomicFiles.write(file, String.join("", whole));
    }
    RunJournal journal = new RunJournal(LineLog.open(file));
    good.forEach(journal::remember);
    if (whole.size() < lines.size()) {
      journal.notice =
          file
              + ": "
              + (lines.size() - whole.size())
              + " of "
              + lines.size()
              + " lines are damaged or of an earlier version and were dropped; they tell how long"
              + " stages took, no work is lost";
    }
    return journal;
  }

  /** A sentence on damage that was found and mended. */
  @Nullable String notice() {
    return notice;
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
    log.append(CheckedJson.line(entry));
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
