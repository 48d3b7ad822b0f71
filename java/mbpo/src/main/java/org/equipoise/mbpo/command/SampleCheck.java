package org.equipoise.mbpo.command;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/** What would end a run in its middle because of one sample. Each image file is decoded once. */
final class SampleCheck {
  private final ImageProcessor processor;
  private final Map<Path, Optional<String>> problemByFile = new HashMap<>();

  SampleCheck(ImageProcessor processor) {
    this.processor = processor;
  }

  /** What is wrong with a sample, or {@code null}. */
  @Nullable String problem(Sample sample) {
    if (!sample.options().isEmpty()
        && !SampleVerifier.INSTANCE.wellFormed(sample, sample.answer())) {
      return "the answer "
          + Excerpt.quoted(sample.answer())
          + " is none of the options "
          + Excerpt.of(sample.options().toString());
    }
    return problem(sample.images());
  }

  /** What is wrong with the first bad one of some images, or {@code null}. */
  @Nullable String problem(List<ImageSource> images) {
    for (ImageSource image : images) {
      String problem =
          problemByFile
              .computeIfAbsent(image.path().orElseThrow(), file -> problem(file, image))
              .orElse(null);
      if (problem != null) {
        return problem;
      }
    }
    return null;
  }

  private Optional<String> problem(Path file, ImageSource image) {
    if (!Files.isRegularFile(file)) {
      return Optional.of(
          "there is no image file " + file + (Files.exists(file) ? " but something else" : ""));
    }
    try {
      RgbImage decoded = image.load();
      processor.requireSize(decoded.width(), decoded.height());
      return Optional.empty();
    } catch (RuntimeException e) {
      String message = String.valueOf(e.getMessage());
      return Optional.of(message.contains(file.toString()) ? message : file + ": " + message);
    }
  }
}
