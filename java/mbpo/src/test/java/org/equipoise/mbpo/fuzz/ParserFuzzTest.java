package org.equipoise.mbpo.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Fuzz tests of everything that reads strangers' files. In an ordinary run they read the files of
 * {@code ParserFuzzTestInputs}, a folder for each: what other programs write, and what was once
 * read wrongly. CONTRIBUTING.md says how they look for more.
 */
class ParserFuzzTest {
  private static final Property PROPERTY = new Property(temporary());

  /** In memory where the system has a place for that: some parsers flush what they write. */
  private static Path temporary() {
    Path memory = Path.of("/dev/shm");
    try {
      Path folder =
          Files.isWritable(memory)
              ? Files.createTempDirectory(memory, "fuzz")
              : Files.createTempDirectory("fuzz");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> TemporaryFolder.delete(folder)));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @FuzzTest(maxDuration = "")
  void safetensors(byte[] input) {
    check(Parser.SAFETENSORS, input);
  }

  @FuzzTest(maxDuration = "")
  void safetensorsHeader(byte[] input) {
    check(Parser.SAFETENSORS_HEADER, input);
  }

  @FuzzTest(maxDuration = "")
  void index(byte[] input) {
    check(Parser.INDEX, input);
  }

  @FuzzTest(maxDuration = "")
  void config(byte[] input) {
    check(Parser.CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void generationConfig(byte[] input) {
    check(Parser.GENERATION_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void preprocessorConfig(byte[] input) {
    check(Parser.PREPROCESSOR_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void tokenizerConfig(byte[] input) {
    check(Parser.TOKENIZER_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void tokenizer(byte[] input) {
    check(Parser.TOKENIZER, input);
  }

  @FuzzTest(maxDuration = "")
  void chatTemplate(byte[] input) {
    check(Parser.CHAT_TEMPLATE, input);
  }

  @FuzzTest(maxDuration = "")
  void adapterConfig(byte[] input) {
    check(Parser.ADAPTER_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void adapterWeights(byte[] input) {
    check(Parser.ADAPTER_WEIGHTS, input);
  }

  @FuzzTest(maxDuration = "")
  void samples(byte[] input) {
    check(Parser.SAMPLES, input);
  }

  @FuzzTest(maxDuration = "")
  void pairs(byte[] input) {
    check(Parser.PAIRS, input);
  }

  @FuzzTest(maxDuration = "")
  void answers(byte[] input) {
    check(Parser.ANSWERS, input);
  }

  @FuzzTest(maxDuration = "")
  void pope(byte[] input) {
    check(Parser.POPE, input);
  }

  @FuzzTest(maxDuration = "")
  void dropped(byte[] input) {
    check(Parser.DROPPED, input);
  }

  @FuzzTest(maxDuration = "")
  void miningLog(byte[] input) {
    check(Parser.MINING_LOG, input);
  }

  @FuzzTest(maxDuration = "")
  void miningReport(byte[] input) {
    check(Parser.MINING_REPORT, input);
  }

  @FuzzTest(maxDuration = "")
  void gains(byte[] input) {
    check(Parser.GAINS, input);
  }

  @FuzzTest(maxDuration = "")
  void settings(byte[] input) {
    check(Parser.SETTINGS, input);
  }

  @FuzzTest(maxDuration = "")
  void setting(byte[] input) {
    check(Parser.SETTING, input);
  }

  @FuzzTest(maxDuration = "")
  void resultCsv(byte[] input) {
    check(Parser.RESULT_CSV, input);
  }

  @FuzzTest(maxDuration = "")
  void image(byte[] input) {
    check(Parser.IMAGE, input);
  }

  @FuzzTest(maxDuration = "")
  void trainingCheckpoint(byte[] input) {
    check(Parser.TRAINING_CHECKPOINT, input);
  }

  @FuzzTest(maxDuration = "")
  void referenceLogProbs(byte[] input) {
    check(Parser.REFERENCE_LOG_PROBS, input);
  }

  @FuzzTest(maxDuration = "")
  void journal(byte[] input) {
    check(Parser.JOURNAL, input);
  }

  @FuzzTest(maxDuration = "")
  void stageMarker(byte[] input) {
    check(Parser.STAGE_MARKER, input);
  }

  @FuzzTest(maxDuration = "")
  void digests(byte[] input) {
    check(Parser.DIGESTS, input);
  }

  @FuzzTest(maxDuration = "")
  void text(byte[] input) {
    check(Parser.TEXT, input);
  }

  /** All of them in turn: the first byte says which. */
  @MethodSource("seedsOfAll")
  @FuzzTest(maxDuration = "")
  void all(byte[] input) {
    if (input.length > 0) {
      Parser[] parsers = Parser.values();
      Parser parser = parsers[(input[0] & 0xff) % parsers.length];
      check(parser, Arrays.copyOfRange(input, 1, input.length));
    }
  }

  /** Where inputs are only read again, the tests above do so. */
  static List<Arguments> seedsOfAll() {
    return Inputs.FUZZING ? Inputs.ofAll() : List.of();
  }

  private static void check(Parser parser, byte[] input) {
    try {
      PROPERTY.check(parser, input);
    } catch (AssertionError e) {
      if (Inputs.FUZZING) {
        Inputs.keep(parser, input);
      }
      throw e;
    }
  }
}
