package org.equipoise.mbpo.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;

/** Says in words how a stage differs from what its marker recorded. */
final class Changes {
  private Changes() {}

  static String describe(Stage stage, StageMarker recorded, Map<String, String> fingerprints) {
    List<String> changes = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>(recorded.settings().keySet());
    names.addAll(stage.settings().keySet());
    for (String name : names) {
      String before = recorded.settings().get(name);
      String now = stage.settings().get(name);
      if (!Objects.equals(before, now)) {
        changes.add(name + " was " + before + " and is " + now);
      }
    }
    for (String input : stage.inputs()) {
      if (!Objects.equals(recorded.inputs().get(input), fingerprints.get(input))) {
        changes.add("its input " + input + " changed");
      }
    }
    if (changes.isEmpty()) {
      changes.add("its inputs changed");
    }
    return "it runs again because " + String.join(", ", changes);
  }
}
