package org.equipoise.mbpo.qwen;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.equipoise.mbpo.storage.Json;

/**
 * What a checkpoint's config.json says of a Qwen2-VL or Qwen2.5-VL model, in either of the layouts
 * that transformers has written: the language model's fields flat or under {@code text_config}, its
 * rotary embedding as {@code rope_scaling} or {@code rope_parameters}. Immutable.
 *
 * @param generation which of the two architectures
 * @param text the language model
 * @param vision the vision tower
 * @param tiedHead whether the head is the transposed token embedding
 * @param imageToken id of the token that stands for a piece of an image
 * @param visionStart id of the token before an image
 * @param visionEnd id of the token after an image
 */
public record QwenConfig(
    Generation generation,
    Text text,
    Vision vision,
    boolean tiedHead,
    int imageToken,
    int visionStart,
    int visionEnd) {

  /** The supported architectures by their {@code model_type}. */
  public enum Generation {
    QWEN2_VL("qwen2_vl"),
    QWEN2_5_VL("qwen2_5_vl");

    private final String modelType;

    Generation(String modelType) {
      this.modelType = modelType;
    }

    public String modelType() {
      return modelType;
    }
  }

  /**
   * The language model: pre-norm blocks of grouped-query attention and a gated MLP.
   *
   * @param width of the hidden states
   * @param layers number of blocks
   * @param heads query heads
   * @param keyValueHeads heads of keys and values; a divisor of {@code heads}
   * @param mlpWidth inner width of the MLP
   * @param vocabulary number of token ids
   * @param normEpsilon of the RMS norms
   * @param ropeTheta base of the rotary frequencies
   * @param ropeSections how many of the frequencies follow time, height and width
   * @param contextLength most positions that the model was made for
   */
  public record Text(
      int width,
      int layers,
      int heads,
      int keyValueHeads,
      int mlpWidth,
      int vocabulary,
      double normEpsilon,
      double ropeTheta,
      List<Integer> ropeSections,
      int contextLength) {

    public int headWidth() {
      return width / heads;
    }
  }

  /**
   * The vision tower.
   *
   * @param width of a patch's state
   * @param depth number of blocks
   * @param heads attention heads
   * @param mlpWidth inner width of the MLP
   * @param patchSize pixels along a side of a patch
   * @param mergeSize patches along a side of a block that becomes one token
   * @param temporalPatchSize copies of a still image in a patch
   * @param windowSize pixels along a side of an attention window; 0 where all blocks see all
   * @param fullAttentionBlocks blocks that see all patches
   */
  public record Vision(
      int width,
      int depth,
      int heads,
      int mlpWidth,
      int patchSize,
      int mergeSize,
      int temporalPatchSize,
      int windowSize,
      Set<Integer> fullAttentionBlocks) {

    public int headWidth() {
      return width / heads;
    }

    /** Sides of an image must be multiples of this. */
    public int pixelMultiple() {
      return patchSize * mergeSize;
    }
  }

  /** Reads {@code config.json}; errors name the file and the field. */
  public static QwenConfig read(Path file) {
    JsonNode node = Json.readObject(file);
    return of(new ConfigNode(file, "", node), file);
  }

  private static QwenConfig of(ConfigNode root, Path file) {
    String modelType = root.text("model_type", "");
    Generation generation = null;
    for (Generation candidate : Generation.values()) {
      generation = candidate.modelType.equals(modelType) ? candidate : generation;
    }
    if (generation == null) {
      throw new IllegalArgumentException(
          file
              + ": model_type: expected one of the supported architectures qwen2_vl and qwen2_5_vl,"
              + " found \""
              + modelType
              + "\"");
    }
    ConfigNode text = root.has("text_config") ? root.child("text_config") : root;
    Vision vision = vision(root.child("vision_config"), generation);
    QwenConfig config =
        new QwenConfig(
            generation,
            text(text),
            vision,
            root.flag("tie_word_embeddings", text.flag("tie_word_embeddings", false)),
            root.integer("image_token_id", 151655),
            root.integer("vision_start_token_id", 151652),
            root.integer("vision_end_token_id", 151653));
    root.require(
        config.imageToken < config.text.vocabulary,
        "image_token_id",
        "an id below vocab_size " + config.text.vocabulary);
    return config;
  }

  private static Text text(ConfigNode node) {
    int heads = node.integer("num_attention_heads");
    int keyValueHeads = node.integer("num_key_value_heads", heads);
    int width = node.integer("hidden_size");
    node.require(width % heads == 0, "hidden_size", "a multiple of num_attention_heads " + heads);
    node.require(
        heads % keyValueHeads == 0,
        "num_key_value_heads",
        "a divisor of num_attention_heads " + heads);
    node.require(
        !node.flag("use_sliding_window", false),
        "use_sliding_window",
        "false (sliding-window attention is not supported)");
    String activation = node.text("hidden_act", "silu");
    node.require(activation.equals("silu"), "hidden_act", "silu");
    String ropeField = node.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    ConfigNode rope = node.has(ropeField) ? node.child(ropeField) : null;
    List<Integer> sections = List.of(16, 24, 24);
    double theta = node.number("rope_theta", 1e6);
    if (rope != null) {
      String type = rope.text("rope_type", rope.text("type", "default"));
      rope.require(
          type.equals("default") || type.equals("mrope"), "rope_type", "\"default\" or \"mrope\"");
      sections = rope.integers("mrope_section", sections);
      theta = rope.number("rope_theta", theta);
    }
    int frequencies = width / heads / 2;
    ConfigNode holder = rope == null ? node : rope;
    holder.require(
        sections.size() == 3 && sections.stream().mapToInt(Integer::intValue).sum() == frequencies,
        "mrope_section",
        "three numbers that add up to half the head width, " + frequencies);
    return new Text(
        width,
        node.integer("num_hidden_layers"),
        heads,
        keyValueHeads,
        node.integer("intermediate_size"),
        node.integer("vocab_size"),
        node.number("rms_norm_eps", 1e-5),
        theta,
        List.copyOf(sections),
        node.integer("max_position_embeddings", 32768));
  }

  private static Vision vision(ConfigNode node, Generation generation) {
    boolean second = generation == Generation.QWEN2_5_VL;
    int width = second ? node.integer("hidden_size", 3584) : node.integer("embed_dim", 1280);
    int heads = node.integer("num_heads", 16);
    node.require(
        width % heads == 0 && width / heads % 4 == 0,
        "num_heads",
        "a number that divides the width " + width + " into heads of a multiple of 4");
    String expectedActivation = second ? "silu" : "quick_gelu";
    node.require(
        node.text("hidden_act", expectedActivation).equals(expectedActivation),
        "hidden_act",
        expectedActivation);
    String channels = node.has("in_chans") ? "in_chans" : "in_channels";
    node.require(node.integer(channels, 3) == 3, channels, "3");
    Vision vision =
        new Vision(
            width,
            node.integer("depth", 32),
            heads,
            second ? node.integer("intermediate_size", 3420) : width * node.integer("mlp_ratio", 4),
            node.integer("patch_size", 14),
            node.integer("spatial_merge_size", 2),
            node.integer("temporal_patch_size", 2),
            second ? node.integer("window_size", 112) : 0,
            second
                ? Set.copyOf(node.integers("fullatt_block_indexes", List.of(7, 15, 23, 31)))
                : Set.of());
    node.require(
        !second || vision.windowSize >= vision.pixelMultiple(),
        "window_size",
        "at least patch_size times spatial_merge_size, " + vision.pixelMultiple());
    return vision;
  }
}
