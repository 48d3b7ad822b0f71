package org.equipoise.mbpo.cli;

import java.util.Arrays;

/** Quiet unless asked: warnings and errors only, everything with {@code --debug}. */
final class Logging {
  private static final String LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";
  private static final String TOKENIZER_LEVEL = "org.slf4j.simpleLogger.log.ai.djl";

  private Logging() {}

  /** Must run before the first logger is made, hence before the command line is parsed. */
  static void configure(String... arguments) {
    boolean debug = Arrays.asList(arguments).contains("--debug");
    if (System.getProperty(LEVEL) == null) {
      System.setProperty(LEVEL, debug ? "debug" : "warn");
    }
    // It warns of a missing GPU, which the tokenizer does not need.
    if (System.getProperty(TOKENIZER_LEVEL) == null) {
      System.setProperty(TOKENIZER_LEVEL, debug ? "debug" : "error");
    }
  }
}
