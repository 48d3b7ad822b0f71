package org.equipoise.mbpo.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/** What a command notes at the top of its run's folder: with which settings, without which rows. */
final class RunRecord {
  static final String SETTINGS = "settings.yaml";

  private RunRecord() {}

  static void write(RunFolder run, RunSettings settings, InputSamples input) {
    run.write(SETTINGS, settings.text());
    input.writeDropped(run);
  }

  /**
   * The settings file, unless it is the one that the run noted itself and would note again: then it
   * stays as it is.
   */
  static @Nullable Path other(@Nullable Path file, RunSettings settings, Path out) {
    Path noted = out.resolve(SETTINGS);
    try {
      boolean same = file != null && Files.exists(noted) && Files.isSameFile(file, noted);
      return same && AtomicFiles.readText(noted).equals(settings.text()) ? null : file;
    } catch (IOException e) {
      throw StorageException.of("read", noted, e);
    }
  }
}
