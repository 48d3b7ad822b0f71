package org.equipoise.mbpo.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Sha256;
import org.junit.jupiter.params.provider.Arguments;

/** The files that fuzzing begins with. */
final class Inputs {
  /** Whether new inputs are sought, and not only those of the folder read again. */
  static final boolean FUZZING = Boolean.getBoolean("equipoise.fuzz");

  private static final String FOLDER = "ParserFuzzTestInputs";
  private static final Path FOUND = Path.of("target", "fuzz-found");

  static {
    if (FUZZING) {
      // libFuzzer makes no folders for what it finds.
      AtomicFiles.createDirectories(FOUND);
    }
  }

  private Inputs() {}

  /** Keeps what was read wrongly, in a folder of the parser's as that of the inputs. */
  static void keep(Parser parser, byte[] input) {
    String digest = new Sha256().add(input).shortHex();
    Path file = FOUND.resolve(parser.test()).resolve("found-" + digest);
    AtomicFiles.write(file, input);
    System.err.println(
        "Found: " + file + "; in " + FOLDER + "/" + parser.test() + " every build reads it again");
  }

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

  static List<Path> of(Parser parser) {
    String folder = FOLDER + "/" + parser.test();
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
