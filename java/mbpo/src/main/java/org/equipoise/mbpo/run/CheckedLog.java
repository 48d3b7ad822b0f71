package org.equipoise.mbpo.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.LineLog;
import org.equipoise.mbpo.storage.PlainFiles;
import org.jspecify.annotations.Nullable;

/**
 * JSON objects line by line, each with a checksum. Lines that are damaged are dropped when it is
 * opened. Not thread-safe.
 */
final class CheckedLog {
  private final Path file;
  private final List<ObjectNode> found;
  private final @Nullable String damage;
  private LineLog log;

  private CheckedLog(Path file, List<ObjectNode> found, @Nullable String damage, LineLog log) {
    this.file = file;
    this.found = found;
    this.damage = damage;
    this.log = log;
  }

  static CheckedLog open(Path file) {
    PlainFiles.require(file);
    List<ObjectNode> found = new ArrayList<>();
    List<String> whole = new ArrayList<>();
    List<String> lines = LineLog.read(file);
    for (String line : lines) {
      CheckedJson.read(line)
          .ifPresent(
              entry -> {
                found.add(entry);
                whole.add(line + "\n");
              });
    }
    int damaged = lines.size() - whole.size();
    if (damaged > 0) {
      AtomicFiles.write(file, String.join("", whole));
    }
    String damage =
        damaged == 0
            ? null
            : file
                + ": "
                + damaged
                + " of "
                + lines.size()
                + " lines are damaged or of an earlier"
                + " version and were dropped";
    return new CheckedLog(file, found, damage, LineLog.open(file));
  }

  /** What it held when it was opened. */
  List<ObjectNode> found() {
    return found;
  }

  /** A sentence on damage that was found, which may go on; {@code null} if there was none. */
  @Nullable String damage() {
    return damage;
  }

  /** Durable when it returns. */
  void append(ObjectNode entry) {
    log.append(CheckedJson.line(entry));
  }

  /** Makes it hold these and nothing else. */
  void rewrite(Collection<ObjectNode> entries) {
    StringBuilder text = new StringBuilder();
    entries.forEach(entry -> text.append(CheckedJson.line(entry)).append('\n'));
    AtomicFiles.write(file, text.toString());
    log = LineLog.open(file);
  }
}
