package org.equipoise.mbpo.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.equipoise.mbpo.storage.Fingerprint;

/**
 * What the run folder remembers of a stage.
 *
 * @param format of this record
 * @param fingerprint of id, settings and inputs
 * @param settings to say what changed
 * @param inputs fingerprint of each input stage's files
 * @param finished false from its start to its end
 * @param files of its folder when it finished, by their names
 */
record StageMarker(
    int format,
    String fingerprint,
    Map<String, String> settings,
    Map<String, String> inputs,
    boolean finished,
    Map<String, WrittenFile> files) {

  static final int FORMAT = 2;

  StageMarker {
    // Jackson gives null for what a file leaves out.
    Objects.requireNonNull(fingerprint);
    settings.values().forEach(Objects::requireNonNull);
    inputs.values().forEach(Objects::requireNonNull);
    files.values().forEach(Objects::requireNonNull);
    // Refuses names that no file can have.
    files.keySet().forEach(Path::of);
  }

  /** A file as the stage left it. */
  record WrittenFile(long bytes, String sha256) {
    WrittenFile {
      Objects.requireNonNull(sha256);
    }
  }

  /**
   * @param inputs fingerprint of each input stage's files
   */
  static StageMarker begun(Stage stage, Map<String, String> inputs) {
    String fingerprint =
        new Fingerprint()
            .add("stage", stage.id())
            .add("settings", stage.settings())
            .add("inputs", inputs)
            .hex();
    return new StageMarker(
        FORMAT, fingerprint, stage.settings(), new TreeMap<>(inputs), false, Map.of());
  }

  StageMarker finished(Map<String, WrittenFile> written) {
    return new StageMarker(format, fingerprint, settings, inputs, true, new TreeMap<>(written));
  }

  /** Fingerprint of what the stage wrote, for those that read it. */
  String contents() {
    return new Fingerprint().add("files", files).hex();
  }
}
