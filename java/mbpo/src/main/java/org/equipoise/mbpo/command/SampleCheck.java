package org.equipoise.mbpo.command;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSize;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * What would end a run in its middle because of one sample. Each image file is read once, several
 * at a time.
 */
final class SampleCheck {
  private final ImageProcessor processor;
  private final boolean decode;
  private final Map<Path, Optional<String>> problemByFile = new ConcurrentHashMap<>();

  /**
   * @param decode whether images are decoded, too, which takes longer than a look at their headers
   *     and ends, and finds the last ones that no decoder takes
   */
  SampleCheck(ImageProcessor processor, boolean decode) {
    this.processor = processor;
    this.decode = decode;
  }

  /** Looks at images at once whose problems will be asked for. */
  void prepare(Stream<ImageSource> images) {
    images.parallel().forEach(this::problem);
  }

  /** What is wrong with a sample, or {@code null}. */
  @Nullable String problem(Sample sample) {
    if (sample.options().stream().anyMatch(String::isBlank)) {
      return "one of its options is an empty text";
    }
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
    return images.stream().map(this::problem).flatMap(Optional::stream).findFirst().orElse(null);
  }

  private Optional<String> problem(ImageSource image) {
    return problemByFile.computeIfAbsent(image.path().orElseThrow(), this::problem);
  }

  private Optional<String> problem(Path file) {
    if (!Files.isRegularFile(file)) {
      return Optional.of(
          "there is no image file " + file + (Files.exists(file) ? " but something else" : ""));
    }
    try {
      ImageSize size = ImageFiles.size(file);
      processor.requireSize(size.width(), size.height());
      if (decode) {
        ImageFiles.read(file);
      }
      return Optional.empty();
    } catch (RuntimeException e) {
      String message = String.valueOf(e.getMessage());
      return Optional.of(message.contains(file.toString()) ? message : file + ": " + message);
    }
  }
}
