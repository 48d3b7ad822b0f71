package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSize;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sentence;

/**
 * Whether image files are whole and of a shape that the model takes. Each is read once, several at
 * a time.
 */
final class ImageCheck {
  private static final int LONGEST_PATH = 1000;
  private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

  private final ImageProcessor processor;
  private final boolean decode;
  private final PrintWriter messages;
  private final Map<Path, Optional<String>> problemByFile = new ConcurrentHashMap<>();
  private long lastLineNanos = System.nanoTime();

  /**
   * @param decode whether images are decoded, too, which takes longer than a look at their headers
   *     and ends, and finds the last ones that no decoder takes
   * @param messages told now and then how far a long check is
   */
  ImageCheck(ImageProcessor processor, boolean decode, PrintWriter messages) {
    this.processor = processor;
    this.decode = decode;
    this.messages = messages;
  }

  /** Looks at images at once that will be asked for. */
  void prepare(Stream<ImageSource> images) {
    images.parallel().forEach(this::problem);
  }

  /** Refuses an image by its file's name. */
  void require(ImageSource image) {
    problem(image)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(problem);
            });
  }

  /** An image that is used at once. */
  RgbImage decoded(Path file) {
    require(ImageSource.of(file));
    return ImageFiles.read(file);
  }

  private Optional<String> problem(ImageSource image) {
    return problemByFile.computeIfAbsent(image.path().orElseThrow(), this::problem);
  }

  private Optional<String> problem(Path file) {
    sayHowFar();
    if (!Files.isRegularFile(file)) {
      return Optional.of(
          "there is no image file "
              + Excerpt.beginning(file.toString(), LONGEST_PATH)
              + (Files.exists(file) ? " but something else" : ""));
    }
    try {
      ImageSize size = ImageFiles.size(file);
      processor.requireSize(size.width(), size.height());
      if (decode) {
        ImageFiles.read(file);
      }
      return Optional.empty();
    } catch (RuntimeException e) {
      String message = Sentence.of(e);
      return Optional.of(message.contains(file.toString()) ? message : file + ": " + message);
    }
  }

  private synchronized void sayHowFar() {
    long now = System.nanoTime();
    if (now - lastLineNanos >= NANOS_BETWEEN_LINES) {
      lastLineNanos = now;
      messages.println(problemByFile.size() + " images checked");
      messages.flush();
    }
  }
}
