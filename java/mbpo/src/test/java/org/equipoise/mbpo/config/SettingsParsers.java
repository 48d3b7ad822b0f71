package org.equipoise.mbpo.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.storage.AtomicFiles;

/** What reads settings, for fuzzing. */
public final class SettingsParsers {
  private static final Map<String, Class<?>> BOUND =
      Map.of(
          "train", TrainSettings.class,
          "mine", MineSettings.class,
          "model", ModelSettings.class,
          "evaluate", EvaluationOptions.class,
          "generate", GenerationOptions.class,
          "threads", Integer.class,
          "seed", Long.class,
          "data.skipBad", Boolean.class);

  private SettingsParsers() {}

  public static void file(Path file) {
    use(RunSettings.load(file, Map.of()));
  }

  /** The file holds {@code KEY=VALUE}. */
  public static void option(Path file) {
    String[] option = AtomicFiles.readText(file).split("=", 2);
    if (option.length == 2) {
      use(RunSettings.load(null, Map.of(option[0], option[1])));
    }
  }

  private static void use(RunSettings settings) {
    settings.text();
    BOUND.forEach(settings::bind);
    List.of("data.samples", "data.pairs", "data.prompts", "mine.answers", "model.folder")
        .forEach(settings::path);
  }
}
