package org.equipoise.mbpo.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Fuzz tests of everything that reads strangers' files. In an ordinary run they read the files of
 * {@code ParserFuzzTestInputs}, a folder for each: what other programs write, and what was once
 * read wrongly. CONTRIBUTING.md says how they look for more.
 */
class ParserFuzzTest {
  private static final Property PROPERTY = new Property(temporary());

  private static Path temporary() {
    try {
      Path folder = Files.createTempDirectory("fuzz");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> AtomicFiles.deleteTree(folder)));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @FuzzTest(maxDuration = "")
  void safetensors(byte[] input) {
    PROPERTY.check(Parser.SAFETENSORS, input);
  }

  @FuzzTest(maxDuration = "")
  void safetensorsHeader(byte[] input) {
    PROPERTY.check(Parser.SAFETENSORS_HEADER, input);
  }

  @FuzzTest(maxDuration = "")
  void index(byte[] input) {
    PROPERTY.check(Parser.INDEX, input);
  }

  @FuzzTest(maxDuration = "")
  void config(byte[] input) {
    PROPERTY.check(Parser.CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void generationConfig(byte[] input) {
    PROPERTY.check(Parser.GENERATION_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void preprocessorConfig(byte[] input) {
    PROPERTY.check(Parser.PREPROCESSOR_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void tokenizerConfig(byte[] input) {
    PROPERTY.check(Parser.TOKENIZER_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void tokenizer(byte[] input) {
    PROPERTY.check(Parser.TOKENIZER, input);
  }

  @FuzzTest(maxDuration = "")
  void chatTemplate(byte[] input) {
    PROPERTY.check(Parser.CHAT_TEMPLATE, input);
  }

  @FuzzTest(maxDuration = "")
  void adapterConfig(byte[] input) {
    PROPERTY.check(Parser.ADAPTER_CONFIG, input);
  }

  @FuzzTest(maxDuration = "")
  void adapterWeights(byte[] input) {
    PROPERTY.check(Parser.ADAPTER_WEIGHTS, input);
  }

  @FuzzTest(maxDuration = "")
  void samples(byte[] input) {
    PROPERTY.check(Parser.SAMPLES, input);
  }

  @FuzzTest(maxDuration = "")
  void pairs(byte[] input) {
    PROPERTY.check(Parser.PAIRS, input);
  }

  @FuzzTest(maxDuration = "")
  void answers(byte[] input) {
    PROPERTY.check(Parser.ANSWERS, input);
  }

  @FuzzTest(maxDuration = "")
  void pope(byte[] input) {
    PROPERTY.check(Parser.POPE, input);
  }

  @FuzzTest(maxDuration = "")
  void dropped(byte[] input) {
    PROPERTY.check(Parser.DROPPED, input);
  }

  @FuzzTest(maxDuration = "")
  void miningLog(byte[] input) {
    PROPERTY.check(Parser.MINING_LOG, input);
  }

  @FuzzTest(maxDuration = "")
  void miningReport(byte[] input) {
    PROPERTY.check(Parser.MINING_REPORT, input);
  }

  @FuzzTest(maxDuration = "")
  void gains(byte[] input) {
    PROPERTY.check(Parser.GAINS, input);
  }

  @FuzzTest(maxDuration = "")
  void settings(byte[] input) {
    PROPERTY.check(Parser.SETTINGS, input);
  }

  @FuzzTest(maxDuration = "")
  void setting(byte[] input) {
    PROPERTY.check(Parser.SETTING, input);
  }

  @FuzzTest(maxDuration = "")
  void resultCsv(byte[] input) {
    PROPERTY.check(Parser.RESULT_CSV, input);
  }

  @FuzzTest(maxDuration = "")
  void image(byte[] input) {
    PROPERTY.check(Parser.IMAGE, input);
  }

  @FuzzTest(maxDuration = "")
  void trainingCheckpoint(byte[] input) {
    PROPERTY.check(Parser.TRAINING_CHECKPOINT, input);
  }

  @FuzzTest(maxDuration = "")
  void referenceLogProbs(byte[] input) {
    PROPERTY.check(Parser.REFERENCE_LOG_PROBS, input);
  }

  @FuzzTest(maxDuration = "")
  void journal(byte[] input) {
    PROPERTY.check(Parser.JOURNAL, input);
  }

  @FuzzTest(maxDuration = "")
  void stageMarker(byte[] input) {
    PROPERTY.check(Parser.STAGE_MARKER, input);
  }

  @FuzzTest(maxDuration = "")
  void digests(byte[] input) {
    PROPERTY.check(Parser.DIGESTS, input);
  }

  @FuzzTest(maxDuration = "")
  void text(byte[] input) {
    PROPERTY.check(Parser.TEXT, input);
  }

  /** All of them in turn: the first byte says which. */
  @MethodSource("seedsOfAll")
  @FuzzTest(maxDuration = "")
  void all(byte[] input) {
    if (input.length > 0) {
      Parser[] parsers = Parser.values();
      Parser parser = parsers[(input[0] & 0xff) % parsers.length];
      PROPERTY.check(parser, Arrays.copyOfRange(input, 1, input.length));
    }
  }

  /** Where inputs are only read again, the tests above do so. */
  static List<Arguments> seedsOfAll() {
    return Boolean.getBoolean("equipoise.fuzz") ? Inputs.ofAll() : List.of();
  }
}
