package org.equipoise.mbpo.command;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.equipoise.mbpo.config.RunSettings;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options by which every command takes its settings. */
final class SettingsOptions {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings as YAML; `equipoise config` prints all of them with their defaults.")
  private Path config;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description =
          "One setting over those of the file, for example train.lora.rank=8. Repeatable. Texts are"
              + " taken as they stand, without quotes; an empty one is none; lists are [a, b].")
  private Map<String, String> single = new LinkedHashMap<>();

  @Option(
      names = "--model",
      paramLabel = "FOLDER",
      description = "Checkpoint folder; the same as --set model.folder=FOLDER.")
  private Path model;

  /** The settings file, or {@code null}. */
  @Nullable Path file() {
    return config;
  }

  RunSettings load() {
    Map<String, String> all = new LinkedHashMap<>();
    if (model != null) {
      all.put("model.folder", model.toString());
    }
    all.putAll(single);
    return RunSettings.load(config, all);
  }
}
