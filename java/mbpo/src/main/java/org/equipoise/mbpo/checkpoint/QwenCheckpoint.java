package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * A folder with a Qwen2-VL or Qwen2.5-VL checkpoint: {@code config.json}, weights as safetensors,
 * {@code tokenizer.json}, and where they are there the processor's and generation's settings.
 */
public final class QwenCheckpoint {
  private final Path folder;
  private final QwenConfig config;
  private final SafetensorsCheckpoint weights;
  private final ChatTemplate chatTemplate;

  private QwenCheckpoint(
      Path folder, QwenConfig config, SafetensorsCheckpoint weights, ChatTemplate chatTemplate) {
    this.folder = folder;
    this.config = config;
    this.weights = weights;
    this.chatTemplate = chatTemplate;
  }

  /** Reads configuration and headers, no weights; errors name the file. */
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
    return new QwenCheckpoint(
        folder, QwenConfig.read(config), SafetensorsCheckpoint.open(folder), ChatTemplate.FILE);
  }

  /** The same checkpoint with another choice of the format of conversations. */
  public QwenCheckpoint withChatTemplate(ChatTemplate choice) {
    return new QwenCheckpoint(folder, config, weights, choice);
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
    QwenTokenizer tokenizer = tokenizer();
    return QwenModel.withAdapters(
        config, named(type), adapters, tokenizer, processor(maxPixels), stopTokens(tokenizer));
  }

  /** Loads the model to ask it; nothing of it is trained. */
  public QwenModel loadFrozen(@Nullable ScalarType type, long maxPixels) {
    QwenTokenizer tokenizer = tokenizer();
    return QwenModel.frozen(
        config, named(type), tokenizer, processor(maxPixels), stopTokens(tokenizer));
  }

  /** Loads the model to train all of its weights. */
  public QwenModel load(@Nullable ScalarType type, long maxPixels) {
    QwenTokenizer tokenizer = tokenizer();
    return QwenModel.full(
        config, named(type), tokenizer, processor(maxPixels), stopTokens(tokenizer));
  }

  private Map<String, Tensor> named(@Nullable ScalarType type) {
    QwenKeys keys = keys();
    Map<String, Tensor> named = new LinkedHashMap<>();
    weights.load(type).forEach((name, tensor) -> named.put(keys.toModel(name), tensor));
    return named;
  }

  /** Tokenizer and chat format; errors name the file. */
  public QwenTokenizer tokenizer() {
    QwenTokenizer tokenizer = QwenTokenizer.read(folder, config.text().vocabulary(), chatTemplate);
    if (tokenizer.imageToken() != config.imageToken()) {
      throw new IllegalArgumentException(
          folder
              + ": expected the same token for images in config.json and in tokenizer.json, found"
              + " image_token_id "
              + config.imageToken()
              + " and "
              + tokenizer.imageToken()
              + "; one of the files is another checkpoint's");
    }
    return tokenizer;
  }

  /** What is done with images; errors name the file. */
  public QwenImageProcessor processor(long maxPixels) {
    return QwenImageProcessor.read(folder, config.vision(), maxPixels);
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
