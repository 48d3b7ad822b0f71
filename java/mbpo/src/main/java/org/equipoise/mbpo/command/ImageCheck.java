package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.QwenImageProcessor;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSize;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sentence;

/**
 * Whether image files are whole and of a shape that the model takes. Each is read once, several at
 * a time.
 */
final class ImageCheck {
  private static final int LONGEST_PATH = 1000;
  private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

  private final QwenImageProcessor processor;
  private final long mostPixels;
  private final boolean decode;
  private final PrintWriter messages;
  private final Map<Path, Found> foundByFile = new ConcurrentHashMap<>();
  private long lastLineNanos = System.nanoTime();

  /** What is wrong with a file, and otherwise how many tokens it becomes. */
  private record Found(Optional<String> problem, long tokens) {}

  /**
   * @param decode whether images are decoded, too, which takes longer than a look at their headers
   *     and ends, and finds the last ones that no decoder takes
   * @param messages told now and then how far a long check is
   */
  ImageCheck(
      QwenImageProcessor processor, DataLimits limits, boolean decode, PrintWriter messages) {
    this.processor = processor;
    this.mostPixels = limits.imagePixels();
    this.decode = decode;
    this.messages = messages;
  }

  /** Looks at images at once that will be asked for. */
  void prepare(Stream<ImageSource> images) {
    images.parallel().forEach(this::found);
  }

  /** Refuses an image by its file's name. */
  void require(ImageSource image) {
    found(image)
        .problem
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(problem);
            });
  }

  /** An image that is used at once. */
  RgbImage decoded(Path file) {
    require(ImageSource.of(file));
    return ImageFiles.read(file, mostPixels);
  }

  /** Tokens of an image that is not refused. */
  long tokens(ImageSource image) {
    return found(image).tokens;
  }

  private Found found(ImageSource image) {
    return foundByFile.computeIfAbsent(image.path().orElseThrow(), this::found);
  }

  private Found found(Path file) {
    sayHowFar();
    if (!Files.exists(file)) {
      return bad("there is no image file " + Excerpt.beginning(file.toString(), LONGEST_PATH));
    }
    try {
      ImageSize size = ImageFiles.size(file, mostPixels);
      long tokens = processor.tokens(size.width(), size.height());
      if (decode) {
        ImageFiles.read(file, mostPixels);
      }
      return new Found(Optional.empty(), tokens);
    } catch (RuntimeException e) {
      String message = Sentence.of(e);
      return bad(message.contains(file.toString()) ? message : file + ": " + message);
    }
  }

  private static Found bad(String problem) {
    return new Found(Optional.of(problem), 0);
  }

  private synchronized void sayHowFar() {
    long now = System.nanoTime();
    if (now - lastLineNanos >= NANOS_BETWEEN_LINES) {
      lastLineNanos = now;
      messages.println(foundByFile.size() + " images checked");
      messages.flush();
    }
  }
}
