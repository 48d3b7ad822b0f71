package org.equipoise.mbpo.run;

import java.util.Map;
import java.util.TreeMap;
import org.equipoise.mbpo.storage.Sha256;

/** SHA-256 over a stage's id, settings and the fingerprints of its inputs. */
final class StageFingerprint {
  private StageFingerprint() {}

  static String of(Stage stage, Map<String, String> fingerprints) {
    Sha256 hash = new Sha256().add(stage.id());
    new TreeMap<>(stage.settings()).forEach((name, value) -> hash.add(name, value));
    for (String input : stage.inputs()) {
      hash.add(input, fingerprints.get(input));
    }
    return hash.hex();
  }
}
