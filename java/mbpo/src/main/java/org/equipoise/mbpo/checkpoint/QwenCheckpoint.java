package org.equipoise.mbpo.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * A folder with a Qwen2-VL or Qwen2.5-VL checkpoint: {@code config.json}, weights as safetensors,
 * {@code tokenizer.json}, and where they are there the processor's and generation's settings.
 */
public final class QwenCheckpoint {
  /** The folder in a checkpoint's that holds its named chat templates. */
  public static final String NAMED_TEMPLATES = "additional_chat_templates";

  /** Unknown fields that are named one by one. */
  private static final int SHOWN = 20;

  private final Path folder;
  private final QwenConfig config;
  private final SafetensorsCheckpoint weights;
  private final WeightTypes types;
  private final CheckpointGeneration generation;
  private final Set<String> leftOut;
  private final List<String> remarks;

  private final CheckpointOptions options;

  private QwenCheckpoint(Path folder, Path configFile, CheckpointOptions options) {
    this.options = options;
    this.folder = folder;
    QwenConfig read = QwenConfig.read(configFile);
    this.weights = SafetensorsCheckpoint.open(folder);
    CheckpointCheck check = new CheckpointCheck(folder, read, weights);
    this.config = check.config();
    this.leftOut = check.leftOut();
    this.types = new WeightTypes(folder, read.type(), weights, config);
    this.generation = CheckpointGeneration.read(folder);
    this.remarks = new ArrayList<>();
    List<String> unknown = QwenConfig.unknownFields(configFile);
    for (String field : unknown.subList(0, Math.min(SHOWN, unknown.size()))) {
      remarks.add(configFile + ": " + Excerpt.of(field) + " is not known here and has no effect");
    }
    if (unknown.size() > SHOWN) {
      remarks.add(configFile + ": " + (unknown.size() - SHOWN) + " more fields are not known here");
    }
    remarks.addAll(check.remarks());
  }

  /** Reads configuration and headers, no weights; errors name the file. */
  public static QwenCheckpoint open(Path folder) {
    return open(folder, CheckpointOptions.defaults());
  }

  /** Reads configuration and headers, no weights; errors name the file. */
  public static QwenCheckpoint open(Path folder, CheckpointOptions options) {
    return new QwenCheckpoint(folder, CheckpointFolder.config(folder), options);
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

  /** What {@code generation_config.json} says. */
  public CheckpointGeneration generation() {
    return generation;
  }

  /** How the files name the tensors. */
  public QwenKeys keys() {
    return QwenKeys.of(weights.names());
  }

  /**
   * What a user should know about the files, one sentence each.
   *
   * @param type of the weights that is asked for; {@code null} for the checkpoint's own
   */
  public List<String> remarks(@Nullable ScalarType type) {
    List<String> all = new ArrayList<>(remarks);
    all.addAll(types.remarks(type));
    return all;
  }

  /** Sizes of the tensors by the model classes' names, from headers. */
  public Map<String, long[]> shapes() {
    return weights.shapes(leftOut);
  }

  /** Names of the weights that are matrices, as the model classes have them. */
  public List<String> matrices() {
    return shapes().entrySet().stream()
        .filter(entry -> entry.getValue().length == 2)
        .map(Map.Entry::getKey)
        .toList();
  }

  /**
   * Loads the model with fresh low-rank adapters to train; its own weights stay mapped where their
   * type is the wanted one.
   *
   * @param type of the weights; {@code null} for the checkpoint's own: that which its configuration
   *     names, or its files have
   * @param maxPixels largest area of an image
   */
  public QwenModel load(LoraOptions adapters, @Nullable ScalarType type, long maxPixels) {
    return load(adapters, type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel load(LoraOptions adapters, @Nullable ScalarType type, Inputs inputs) {
    return guarded(
        type,
        QwenModel.withAdapters(
            config,
            named(type),
            adapters,
            inputs.tokenizer(),
            inputs.processor(),
            inputs.stopTokens()));
  }

  /** Loads the model with adapters that were trained before, to ask it or to train it further. */
  public QwenModel load(PeftAdapter adapter, @Nullable ScalarType type, long maxPixels) {
    return load(adapter, type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel load(PeftAdapter adapter, @Nullable ScalarType type, Inputs inputs) {
    Map<String, Tensor> named = named(type);
    LoraAdapters adapters = adapter.load(named);
    return guarded(
        type,
        QwenModel.withAdapters(
            named.containsKey(QwenNames.HEAD) ? config.withTiedHead(false) : config,
            named,
            adapters,
            inputs.tokenizer(),
            inputs.processor(),
            inputs.stopTokens()));
  }

  /** Loads the model to ask it; nothing of it is trained. */
  public QwenModel loadFrozen(@Nullable ScalarType type, long maxPixels) {
    return loadFrozen(type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel loadFrozen(@Nullable ScalarType type, Inputs inputs) {
    return guarded(
        type,
        QwenModel.frozen(
            config, named(type), inputs.tokenizer(), inputs.processor(), inputs.stopTokens()));
  }

  /** Loads the model to train all of its weights. */
  public QwenModel load(@Nullable ScalarType type, long maxPixels) {
    return load(type, inputs(maxPixels));
  }

  /** The same with inputs that were read before. */
  public QwenModel load(@Nullable ScalarType type, Inputs inputs) {
    return guarded(
        type,
        QwenModel.full(
            config, named(type), inputs.tokenizer(), inputs.processor(), inputs.stopTokens()));
  }

  /**
   * What stands between texts, images and the weights; needs none of these.
   *
   * @param stopTokens ids that end an answer
   */
  public record Inputs(
      QwenTokenizer tokenizer, QwenImageProcessor processor, Set<Integer> stopTokens) {}

  /**
   * Reads the tokenizer, the chat template and the processor's settings, and checks that they fit
   * the configuration; errors name the file.
   *
   * @param maxPixels largest area of an image
   */
  public Inputs inputs(long maxPixels) {
    QwenTokenizer tokenizer = tokenizer();
    return new Inputs(tokenizer, processor(maxPixels), stopTokens(tokenizer));
  }

  /** Weights of the files' own type stay mapped, and the files must stay what they are. */
  private QwenModel guarded(@Nullable ScalarType type, QwenModel model) {
    boolean mapped =
        options.weights() == WeightReading.MAPPED
            && weights.names().stream()
                .anyMatch(name -> weights.entry(name).type() == types.computed(type));
    return mapped ? model.beforeEachPass(weights::requireUnchanged) : model;
  }

  private Map<String, Tensor> named(@Nullable ScalarType type) {
    Map<String, Tensor> named = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope()) {
      weights
          .load(types.computed(type), leftOut, options.weights())
          .forEach((name, tensor) -> named.put(QwenKeys.toModel(name), tensor));
    }
    return named;
  }

  /** Tokenizer and chat format; errors name the file. */
  public QwenTokenizer tokenizer() {
    QwenTokenizer tokenizer =
        QwenTokenizer.read(
            folder, config.text().vocabulary(), options.chatTemplate(), options.tokenizer());
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

  /** How long prompt, images and answer may be together; errors name the file. */
  public ContextLength contextLength() {
    return ContextLength.of(folder, config);
  }

  /** What is done with images; errors name the file. */
  public QwenImageProcessor processor(long maxPixels) {
    return QwenImageProcessor.read(folder, config.vision(), maxPixels);
  }

  /** Ids that end an answer: the chat format's, and those of {@code generation_config.json}. */
  public Set<Integer> stopTokens(QwenTokenizer tokenizer) {
    Set<Integer> stops = new TreeSet<>(generation.endTokens());
    stops.add(tokenizer.endToken());
    return stops;
  }
}
