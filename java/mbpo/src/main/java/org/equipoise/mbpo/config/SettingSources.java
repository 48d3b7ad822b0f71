package org.equipoise.mbpo.config;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;

/** Where each setting was given, for messages. */
final class SettingSources {
  private final Map<String, String> places = new HashMap<>();
  private @Nullable String file;

  void addFile(Path path, @Nullable Node document) {
    file = path.toString();
    addKeys(document, "");
  }

  private void addKeys(@Nullable Node node, String prefix) {
    if (node instanceof MappingNode mapping) {
      for (NodeTuple entry : mapping.getValue()) {
        if (entry.getKeyNode() instanceof ScalarNode name) {
          String key = prefix + name.getValue();
          places.put(key, file + ":" + (name.getStartMark().getLine() + 1));
          addKeys(entry.getValueNode(), key + ".");
        }
      }
    }
  }

  void addOption(String key, String value) {
    places.put(key, "--set " + Excerpt.of(key + "=" + value));
  }

  /** The place of a key or of what it stands in. */
  String where(String key) {
    String at = key;
    while (!at.isEmpty() && !places.containsKey(at)) {
      at = at.substring(0, Math.max(0, at.lastIndexOf('.')));
    }
    if (places.containsKey(at)) {
      return places.get(at);
    }
    // A key of the record as a whole: something below it was set.
    return places.entrySet().stream()
        .filter(place -> place.getKey().startsWith(key + "."))
        .map(Map.Entry::getValue)
        .sorted()
        .findFirst()
        .orElse(file == null ? "settings" : file);
  }
}
