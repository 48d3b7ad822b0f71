package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.PopeFile;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.data.SampleFile;

/** Reads a user's samples and checks them before any long work begins. */
final class InputSamples {
  private static final int LISTED = 5;

  private InputSamples() {}

  /**
   * @param key of the setting that names the file
   * @param check of samples whose images are there; throws {@link IllegalArgumentException}
   * @param messages told how many were left out
   */
  static List<Sample> read(
      RunSettings settings, String key, Consumer<Sample> check, PrintWriter messages) {
    Path file = settings.requiredPath(key);
    return existing(settings, file, SampleFile.read(file, whereThere(check)), messages);
  }

  /** Questions in POPE's format. */
  static List<Sample> readPope(
      RunSettings settings, Path file, Path images, Consumer<Sample> check, PrintWriter messages) {
    return existing(settings, file, PopeFile.read(file, images, whereThere(check)), messages);
  }

  /** Samples without an image file are counted afterwards. */
  private static Consumer<Sample> whereThere(Consumer<Sample> check) {
    return sample -> {
      if (lacking(sample).isEmpty()) {
        check.accept(sample);
      }
    };
  }

  private static Optional<Path> lacking(Sample sample) {
    return sample.images().stream()
        .map(image -> image.path().orElseThrow())
        .filter(image -> !Files.isRegularFile(image))
        .findFirst();
  }

  /** The samples of a file whose images are there. */
  private static List<Sample> existing(
      RunSettings settings, Path file, List<Sample> samples, PrintWriter messages) {
    List<Sample> good = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    for (Sample sample : samples) {
      Optional<Path> lacking = lacking(sample);
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
