package org.equipoise.mbpo.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** The files that fuzzing begins with. */
final class Inputs {
  private Inputs() {}

  /** Those of all parsers, each behind a byte that says which. */
  static List<Arguments> ofAll() {
    List<Arguments> all = new ArrayList<>();
    for (Parser parser : Parser.values()) {
      for (Path file : of(parser)) {
        all.add(Arguments.of((Object) marked(parser, read(file))));
      }
    }
    return all;
  }

  private static byte[] marked(Parser parser, byte[] content) {
    byte[] marked = new byte[1 + content.length];
    marked[0] = (byte) parser.ordinal();
    System.arraycopy(content, 0, marked, 1, content.length);
    return marked;
  }

  private static List<Path> of(Parser parser) {
    String folder = "ParserFuzzTestInputs/" + parser.test();
    try (Stream<Path> files = Files.list(Path.of(Inputs.class.getResource(folder).toURI()))) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
