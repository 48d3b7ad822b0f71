package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.data.SampleFile;

/** Reads a user's samples and looks for their images before any long work begins. */
final class InputSamples {
  private static final int LISTED = 5;

  private InputSamples() {}

  /**
   * @param key of the setting that names the file
   * @param messages told how many were left out
   */
  static List<Sample> read(RunSettings settings, String key, PrintWriter messages) {
    Path file = settings.requiredPath(key);
    return existing(settings, file, SampleFile.read(file), messages);
  }

  /** The samples of a file whose images are there. */
  static List<Sample> existing(
      RunSettings settings, Path file, List<Sample> samples, PrintWriter messages) {
    List<Sample> good = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    for (Sample sample : samples) {
      Optional<Path> lacking =
          sample.images().stream()
              .map(image -> image.path().orElseThrow())
              .filter(image -> !Files.isRegularFile(image))
              .findFirst();
      if (lacking.isEmpty()) {
        good.add(sample);
      } else {
        missing.add(sample.id() + " (" + lacking.get() + ")");
      }
    }
    if (!missing.isEmpty()) {
      String list =
          missing.size()
              + " of "
              + samples.size()
              + " samples of "
              + file
              + " have no image file: "
              + String.join(", ", missing.subList(0, Math.min(LISTED, missing.size())))
              + (missing.size() > LISTED ? ", ..." : "");
      if (!settings.bind("data.skipBad", Boolean.class)) {
        throw new IllegalArgumentException(
            list + "; mend the file, or leave them out with --set data.skipBad=true");
      }
      messages.println("Left out: " + list);
    }
    if (good.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no sample");
    }
    return good;
  }
}
