package org.equipoise.mbpo.qwen;

import com.fasterxml.jackson.databind.JsonNode;
import io.soabase.recordbuilder.core.RecordBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint's config.json says of a Qwen2-VL or Qwen2.5-VL model, in either of the layouts
 * that transformers has written: the language model's fields flat or under {@code text_config}, its
 * rotary embedding as {@code rope_scaling} or {@code rope_parameters}. Immutable.
 *
 * @param generation which of the two architectures
 * @param text the language model
 * @param vision the vision tower
 * @param type of the weights, in which transformers computes; {@code null} where none is named
 * @param tiedHead whether the head is the transposed token embedding
 * @param imageToken id of the token that stands for a piece of an image
 * @param visionStart id of the token before an image
 * @param visionEnd id of the token after an image
 */
@RecordBuilder
public record QwenConfig(
    Generation generation,
    Text text,
    Vision vision,
    @Nullable ScalarType type,
    boolean tiedHead,
    int imageToken,
    int visionStart,
    int visionEnd)
    implements QwenConfigBuilder.With {

  /** Of the smallest numbers that 32 bits hold whole. */
  private static final double LEAST_EPSILON = 1e-37;

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

    /** Refuses more tokens in a row than the model was made for. */
    void requireContext(long prompt, long answer) {
      if (prompt + answer > contextLength) {
        throw new IllegalArgumentException(
            "a prompt of "
                + prompt
                + " tokens with its images and "
                + answer
                + " of an answer are more than the "
                + contextLength
                + " that the model was made for, max_position_embeddings of its config.json");
      }
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
    QwenConfigFields.check(file, node);
    return of(new ConfigNode(file, "", node), file);
  }

  /** Paths of fields of {@code config.json} that say something and are not known here. */
  public static List<String> unknownFields(Path file) {
    return QwenConfigFields.check(file, Json.readObject(file));
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
              + " found "
              + Excerpt.quoted(modelType));
    }
    ConfigNode text = root.has("text_config") ? root.child("text_config") : root;
    Vision vision = vision(root.child("vision_config"), generation);
    QwenConfig config =
        new QwenConfig(
            generation,
            text(text),
            vision,
            type(root),
            // Either place suffices: older files have the flag under text_config alone.
            root.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false),
            root.integer("image_token_id", 151655),
            root.integer("vision_start_token_id", 151652),
            root.integer("vision_end_token_id", 151653));
    root.require(
        config.imageToken < config.text.vocabulary,
        "image_token_id",
        "an id below vocab_size " + config.text.vocabulary);
    return config;
  }

  /** That of the whole model; what the parts say is overruled by it or by the files. */
  private static @Nullable ScalarType type(ConfigNode root) {
    String field = root.has("dtype") ? "dtype" : "torch_dtype";
    String name = root.text(field, "").replace("torch.", "");
    return switch (name) {
      case "", "auto" -> null;
      case "float32", "float" -> ScalarType.Float;
      case "bfloat16" -> ScalarType.BFloat16;
      case "float16", "half" -> ScalarType.Half;
      case "float64", "double" -> ScalarType.Double;
      default -> {
        root.require(false, field, "float32, bfloat16 or float16");
        yield null;
      }
    };
  }

  private static Text text(ConfigNode node) {
    int heads = node.integer("num_attention_heads");
    // transformers: 8 where the field is absent, one for each query head where it is null.
    int keyValueHeads =
        node.integer("num_key_value_heads", node.isNull("num_key_value_heads") ? heads : 8);
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
    node.require(
        node.texts("layer_types").stream().allMatch("full_attention"::equals),
        "layer_types",
        "full_attention alone (sliding-window attention is not supported)");
    // Where a file has both, transformers takes the older field.
    String ropeField = node.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    ConfigNode rope = node.has(ropeField) ? node.child(ropeField) : null;
    List<Integer> sections = List.of(16, 24, 24);
    double theta = ropeTheta(node, 1e6);
    if (rope != null) {
      String typeField = rope.has("rope_type") ? "rope_type" : "type";
      String type = rope.text(typeField, "default");
      rope.require(
          type.equals("default") || type.equals("mrope"), typeField, "\"default\" or \"mrope\"");
      sections = rope.integers("mrope_section", sections);
      theta = ropeTheta(rope, theta);
    }
    int frequencies = width / heads / 2;
    ConfigNode holder = rope == null ? node : rope;
    holder.require(
        sections.size() == 3
            && sections.stream().mapToLong(Integer::longValue).sum() == frequencies,
        "mrope_section",
        "three numbers that add up to half the head width, " + frequencies);
    return new Text(
        width,
        node.integer("num_hidden_layers"),
        heads,
        keyValueHeads,
        node.integer("intermediate_size"),
        node.integer("vocab_size"),
        node.number("rms_norm_eps", 1e-5, LEAST_EPSILON, 1),
        theta,
        List.copyOf(sections),
        node.integer("max_position_embeddings", 32768));
  }

  /** Below 1, and where 32 bits end, angles are no numbers. */
  private static double ropeTheta(ConfigNode node, double otherwise) {
    return node.number("rope_theta", otherwise, 1, 1e30);
  }

  /** A product of sizes that is a size itself. */
  private static int product(ConfigNode node, int size, String field, int otherwise) {
    int factor = node.integer(field, otherwise);
    node.require(
        (long) size * factor <= Integer.MAX_VALUE, field, "a number that makes a size of " + size);
    return size * factor;
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
    ConfigNode rope = node.has("rope_parameters") ? node.child("rope_parameters") : node;
    rope.require(rope == node || ropeTheta(rope, 10000) == 10000, "rope_theta", "10000");
    String channels = node.has("in_chans") ? "in_chans" : "in_channels";
    node.require(node.integer(channels, 3) == 3, channels, "3");
    int patchSize = node.integer("patch_size", 14);
    int mergeSize = node.integer("spatial_merge_size", 2);
    product(node, patchSize, "spatial_merge_size", 2);
    Vision vision =
        new Vision(
            width,
            node.integer("depth", 32),
            heads,
            second ? node.integer("intermediate_size", 3420) : product(node, width, "mlp_ratio", 4),
            patchSize,
            mergeSize,
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
