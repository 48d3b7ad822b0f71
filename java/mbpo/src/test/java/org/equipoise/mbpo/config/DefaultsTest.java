package org.equipoise.mbpo.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.equipoise.mbpo.checkpoint.CheckpointOptions;
import org.equipoise.mbpo.checkpoint.QwenImageProcessor;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.train.TrainingContext;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/**
 * The records' defaults are what their users get in Java, {@code defaults.yaml} what the command
 * line's users get. Where both speak they say the same, but for what is listed here.
 */
class DefaultsTest {
  /**
   * The command line trains checkpoints of billions of weights on one machine, without a server.
   */
  private static final Map<String, String> OF_THE_COMMAND_LINE =
      Map.ofEntries(
          Map.entry("mine.options.batchSize", "64 images of such a model fill the memory"),
          Map.entry("evaluate.batchSize", "64 images of such a model fill the memory"),
          Map.entry("train.hybrid.microBatch", "a whole batch of answers fills the memory"),
          Map.entry("train.dpo.microBatch", "a whole batch of pairs fills the memory"),
          Map.entry("train.sft.microBatch", "a whole batch of samples fills the memory"),
          Map.entry("train.hybrid.offline.pairsPerIteration", "32 pairs are hours of work"),
          Map.entry("train.dpo.batchPairs", "32 pairs a step are hours of work"),
          Map.entry("train.sft.batchSize", "64 samples a step are hours of work"),
          Map.entry("train.dpo.steps", "1000 steps are days of work"),
          Map.entry("train.sft.steps", "1000 steps are days of work"),
          Map.entry(
              "train.hybrid.optimizer.learningRate",
              "adapters, its default, need more than all weights do"),
          Map.entry(
              "train.dpo.optimizer.learningRate",
              "adapters, its default, need more than all weights do"),
          Map.entry(
              "train.hybrid.online.promptsPerIteration",
              "there are none until data.prompts names them"));

  private static final RunSettings SETTINGS = RunSettings.load(null, Map.of());

  private final Set<String> different = new TreeSet<>();

  @Test
  void theFileSaysWhatTheRecordsSay() throws ReflectiveOperationException {
    Map<String, Object> file = new Yaml().load(RunSettings.defaultsText());
    for (String section : file.keySet()) {
      switch (section) {
        case "model" -> visit(section, ModelSettings.class);
        case "data" -> visit(section + ".limits", DataLimits.class);
        case "mine" -> visit(section, MineSettings.class);
        case "train" -> visit(section, TrainSettings.class);
        case "evaluate" -> visit(section, EvaluationOptions.class);
        case "generate" -> visit(section, GenerationOptions.class);
        default -> assertScalar(section, file.get(section));
      }
    }
    Map<?, ?> data = assertInstanceOf(Map.class, file.get("data"));
    data.forEach(
        (key, value) -> {
          if (!key.equals("limits")) {
            assertScalar("data." + key, value);
          }
        });
    assertEquals(OF_THE_COMMAND_LINE.keySet(), different);
    assertEquals(
        TrainingContext.defaults().checkpointEvery(),
        SETTINGS.bind("train", TrainSettings.class).checkpointEvery());
    ModelSettings model = SETTINGS.bind("model", ModelSettings.class);
    assertEquals(QwenImageProcessor.DEFAULT_MAX_PIXELS, model.maxPixels());
    assertEquals(
        CheckpointOptions.defaults(),
        new CheckpointOptions(model.chatTemplate(), model.tokenizer(), model.weights()));
  }

  private static void assertScalar(String key, Object value) {
    assertEquals(false, value instanceof Map, key + " is a section that this test does not know");
  }

  private void visit(String path, Class<? extends Record> type)
      throws ReflectiveOperationException {
    visit(path, SETTINGS.bind(path, type));
  }

  /** Compares a record that has defaults of its own; else looks for such inside it. */
  private void visit(String path, Record bound) throws ReflectiveOperationException {
    if (bound instanceof GenerationOptions) {
      compare(path, GenerationOptions.greedy(), bound);
    } else if (bound.getClass().getPackage().equals(RunSettings.class.getPackage())) {
      // A section of the file: its other values are said there alone.
      for (RecordComponent component : bound.getClass().getRecordComponents()) {
        if (component.getAccessor().invoke(bound) instanceof Record inner) {
          visit(path + "." + component.getName(), inner);
        }
      }
    } else {
      compare(path, bound.getClass().getMethod("defaults").invoke(null), bound);
    }
  }

  private void compare(String path, Object own, Object inFile) throws ReflectiveOperationException {
    if (own instanceof Record record) {
      for (RecordComponent component : record.getClass().getRecordComponents()) {
        compare(
            path + "." + component.getName(),
            component.getAccessor().invoke(own),
            component.getAccessor().invoke(inFile));
      }
    } else if (!Objects.equals(own, inFile)) {
      different.add(path);
    }
  }
}
