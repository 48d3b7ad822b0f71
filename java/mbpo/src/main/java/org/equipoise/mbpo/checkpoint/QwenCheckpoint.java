package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * A folder with a Qwen2-VL or Qwen2.5-VL checkpoint: {@code config.json}, weights as safetensors,
 * {@code tokenizer.json}, and where they are there the processor's and generation's settings.
 */
public final class QwenCheckpoint {
  private static final Set<ScalarType> FLOATING =
      Set.of(ScalarType.Float, ScalarType.BFloat16, ScalarType.Half, ScalarType.Double);

  private final Path folder;
  private final QwenConfig config;
  private final SafetensorsCheckpoint weights;

  private QwenCheckpoint(Path folder, QwenConfig config, SafetensorsCheckpoint weights) {
    this.folder = folder;
    this.config = config;
    this.weights = weights;
  }

  /**
   * Reads configuration and headers, no weights, and checks that they fit each other; errors name
   * the file.
   */
  public static QwenCheckpoint open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new IllegalArgumentException(
          folder + ": expected a folder with a checkpoint, found none");
    }
    Path config = folder.resolve("config.json");
    if (!Files.exists(config)) {
      throw new IllegalArgumentException(
          folder + ": expected config.json in the checkpoint's folder, found none");
    }
    QwenCheckpoint checkpoint =
        new QwenCheckpoint(folder, QwenConfig.read(config), SafetensorsCheckpoint.open(folder));
    checkpoint.requireFit();
    return checkpoint;
  }

  private void requireFit() {
    QwenKeys keys = keys();
    Map<String, long[]> shapes = new LinkedHashMap<>();
    for (String name : weights.names()) {
      shapes.put(keys.toModel(name), weights.entry(name).shape());
    }
    try {
      QwenShapes.requireFit(config, shapes);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(folder + ": " + e.getMessage(), e);
    }
    Set<String> known = QwenShapes.of(config).keySet();
    for (String name : weights.names()) {
      ScalarType type = weights.entry(name).type();
      if (known.contains(keys.toModel(name)) && !FLOATING.contains(type)) {
        throw new IllegalArgumentException(
            folder
                + ": tensor "
                + name
                + ": expected weights as floating-point numbers, found "
                + type
                + "; quantised checkpoints are not read");
      }
    }
  }

  public Path folder() {
    return folder;
  }

  public QwenConfig config() {
    return config;
  }

  public SafetensorsCheckpoint weights() {
    return weights;
  }

  /** How the files name the tensors. */
  public QwenKeys keys() {
    return QwenKeys.of(weights.names());
  }

  /**
   * Loads the model with low-rank adapters to train; its own weights stay mapped where their type
   * is the wanted one.
   *
   * @param type of the weights; {@code null} keeps the files' own
   * @param maxPixels largest area of an image
   */
  public QwenModel load(LoraOptions adapters, @Nullable ScalarType type, long maxPixels) {
    return load(adapters, type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel load(LoraOptions adapters, @Nullable ScalarType type, Inputs inputs) {
    return QwenModel.withAdapters(
        config, named(type), adapters, inputs.tokenizer(), inputs.processor(), inputs.stopTokens());
  }

  /** Loads the model to ask it; nothing of it is trained. */
  public QwenModel loadFrozen(@Nullable ScalarType type, long maxPixels) {
    return loadFrozen(type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel loadFrozen(@Nullable ScalarType type, Inputs inputs) {
    return QwenModel.frozen(
        config, named(type), inputs.tokenizer(), inputs.processor(), inputs.stopTokens());
  }

  /** Loads the model to train all of its weights. */
  public QwenModel load(@Nullable ScalarType type, long maxPixels) {
    return load(type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel load(@Nullable ScalarType type, Inputs inputs) {
    return QwenModel.full(
        config, named(type), inputs.tokenizer(), inputs.processor(), inputs.stopTokens());
  }

  /**
   * What stands between texts, images and the weights; needs none of these.
   *
   * @param stopTokens ids that end an answer
   */
  public record Inputs(
      QwenTokenizer tokenizer, QwenImageProcessor processor, Set<Integer> stopTokens) {}

  /**
   * Reads the tokenizer, the chat template, the processor's and the generation's settings, and
   * checks that they fit the configuration; errors name the file.
   *
   * @param maxPixels largest area of an image
   */
  public Inputs inputs(long maxPixels) {
    QwenTokenizer tokenizer = tokenizer();
    long placeholders =
        Arrays.stream(tokenizer.encodePrompt("")).filter(id -> id == config.imageToken()).count();
    if (placeholders != 1) {
      throw new IllegalArgumentException(
          folder.resolve("tokenizer.json")
              + ": expected the image's placeholder to be token "
              + config.imageToken()
              + ", image_token_id of config.json; the prompt of an image has "
              + placeholders
              + " of it. Tokenizer and config.json seem to be of different checkpoints");
    }
    return new Inputs(tokenizer, processor(maxPixels), stopTokens(tokenizer));
  }

  private Map<String, Tensor> named(@Nullable ScalarType type) {
    QwenKeys keys = keys();
    Map<String, Tensor> named = new LinkedHashMap<>();
    weights.load(type).forEach((name, tensor) -> named.put(keys.toModel(name), tensor));
    return named;
  }

  public QwenTokenizer tokenizer() {
    return QwenTokenizer.read(folder, config.text().vocabulary());
  }

  public QwenImageProcessor processor(long maxPixels) {
    return QwenImageProcessor.read(folder, config.vision().pixelMultiple(), maxPixels);
  }

  /** Ids that end an answer: the chat format's, and those of {@code generation_config.json}. */
  public Set<Integer> stopTokens(QwenTokenizer tokenizer) {
    Set<Integer> stops = new TreeSet<>();
    stops.add(tokenizer.endToken());
    Path file = folder.resolve("generation_config.json");
    if (Files.exists(file)) {
      JsonNode ends = Json.readObject(file).path("eos_token_id");
      for (JsonNode id : ends.isArray() ? ends : java.util.List.of(ends)) {
        if (id.isIntegralNumber()) {
          stops.add(id.asInt());
        } else if (!id.isMissingNode() && !id.isNull()) {
          throw new IllegalArgumentException(
              file + ": eos_token_id: expected an id or a list of ids, found " + ends);
        }
      }
    }
    return stops;
  }
}
