package org.equipoise.mbpo.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The checkpoint that checkpoint_golden.py wrote. */
public final class TinyCheckpoint {
  private TinyCheckpoint() {}

  public static Path resource(String name) {
    try {
      return Path.of(TinyCheckpoint.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  public static Path folder() {
    return resource("tiny-qwen2-vl");
  }

  /** A copy that a test may damage. */
  public static Path copyInto(Path target) {
    try (Stream<Path> files = Files.list(folder())) {
      Files.createDirectories(target);
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName().toString()));
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
