package org.equipoise.mbpo.cli;

import java.util.Arrays;

/** Quiet unless asked: warnings and errors only, everything with {@code --debug}. */
final class Logging {
  private static final String LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";

  private Logging() {}

  /** Must run before the first logger is made, hence before the command line is parsed. */
  static void configure(String... arguments) {
    if (System.getProperty(LEVEL) == null) {
      System.setProperty(LEVEL, Arrays.asList(arguments).contains("--debug") ? "debug" : "warn");
    }
  }
}
