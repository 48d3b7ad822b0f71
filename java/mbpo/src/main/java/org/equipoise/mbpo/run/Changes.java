package org.equipoise.mbpo.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Says in words how a stage differs from what its marker recorded. */
final class Changes {
  /** Characters of a setting that is shown whole. */
  private static final int SHORT = 40;

  private Changes() {}

  static String describe(StageMarker recorded, StageMarker wanted) {
    List<String> changes = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>(recorded.settings().keySet());
    names.addAll(wanted.settings().keySet());
    for (String name : names) {
      String before = recorded.settings().get(name);
      String now = wanted.settings().get(name);
      if (!Objects.equals(before, now)) {
        changes.add(name + " was " + differing(before, now) + " and is " + differing(now, before));
      }
    }
    wanted
        .inputs()
        .forEach(
            (input, contents) -> {
              if (!contents.equals(recorded.inputs().get(input))) {
                changes.add("its input " + input + " changed");
              }
            });
    if (changes.isEmpty()) {
      changes.add("its inputs changed");
    }
    return "it runs again because " + String.join(", ", changes);
  }

  /** A text, or of a long list of settings only those between the first and last that differ. */
  private static String differing(@Nullable String text, @Nullable String other) {
    if (text == null || other == null || Math.max(text.length(), other.length()) <= SHORT) {
      return String.valueOf(text);
    }
    int from = 0;
    int shared = Math.min(text.length(), other.length());
    while (from < shared && text.charAt(from) == other.charAt(from)) {
      from++;
    }
    int end = 0;
    while (end < shared - from
        && text.charAt(text.length() - 1 - end) == other.charAt(other.length() - 1 - end)) {
      end++;
    }
    while (from > 0 && "[ ,".indexOf(text.charAt(from - 1)) < 0) {
      from--;
    }
    while (end > 0 && "],".indexOf(text.charAt(text.length() - end)) < 0) {
      end--;
    }
    return text.substring(from, text.length() - end);
  }
}
