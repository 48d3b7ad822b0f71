package org.equipoise.mbpo.mine;

import java.nio.file.Path;

/** What mining reads of its own files, for fuzzing. */
public final class MineParsers {
  private MineParsers() {}

  public static void gains(Path file) {
    KeptGains.read(file);
  }
}
