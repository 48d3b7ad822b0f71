package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.tensor.HostTensors;

/** Which tensors a model of a configuration has, by their names in transformers 5. */
public final class QwenShapes {
  private static final int LISTED = 5;
  private static final String LAYERS = "model.language_model.layers.";
  private static final String BLOCKS = "model.visual.blocks.";

  private QwenShapes() {}

  /** Shapes by name, in a fixed order. */
  public static Map<String, long[]> of(QwenConfig config) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    vision(config, shapes);
    text(config, shapes);
    return shapes;
  }

  private static void vision(QwenConfig config, Map<String, long[]> shapes) {
    QwenConfig.Vision vision = config.vision();
    boolean second = config.generation() == QwenConfig.Generation.QWEN2_5_VL;
    long width = vision.width();
    long patch = vision.patchSize();
    String path = "model.visual.";
    shapes.put(
        path + "patch_embed.proj.weight",
        new long[] {width, 3, vision.temporalPatchSize(), patch, patch});
    for (int block = 0; block < vision.depth(); block++) {
      String own = BLOCKS + block + ".";
      for (String norm : List.of("norm1", "norm2")) {
        norm(shapes, own + norm, width, !second);
      }
      linear(shapes, own + "attn.qkv", 3 * width, width, true);
      linear(shapes, own + "attn.proj", width, width, true);
      if (second) {
        linear(shapes, own + "mlp.gate_proj", vision.mlpWidth(), width, true);
        linear(shapes, own + "mlp.up_proj", vision.mlpWidth(), width, true);
        linear(shapes, own + "mlp.down_proj", width, vision.mlpWidth(), true);
      } else {
        linear(shapes, own + "mlp.fc1", vision.mlpWidth(), width, true);
        linear(shapes, own + "mlp.fc2", width, vision.mlpWidth(), true);
      }
    }
    long merged =
        Math.multiplyExact(
            width, Math.multiplyExact((long) vision.mergeSize(), vision.mergeSize()));
    norm(shapes, path + "merger.ln_q", width, !second);
    linear(shapes, path + "merger.mlp.0", merged, merged, true);
    linear(shapes, path + "merger.mlp.2", config.text().width(), merged, true);
  }

  private static void text(QwenConfig config, Map<String, long[]> shapes) {
    QwenConfig.Text text = config.text();
    long width = text.width();
    long keys = (long) text.keyValueHeads() * text.headWidth();
    String path = "model.language_model.";
    shapes.put(path + "embed_tokens.weight", new long[] {text.vocabulary(), width});
    for (int layer = 0; layer < text.layers(); layer++) {
      String own = LAYERS + layer + ".";
      norm(shapes, own + "input_layernorm", width, false);
      linear(shapes, own + "self_attn.q_proj", width, width, true);
      linear(shapes, own + "self_attn.k_proj", keys, width, true);
      linear(shapes, own + "self_attn.v_proj", keys, width, true);
      linear(shapes, own + "self_attn.o_proj", width, width, false);
      norm(shapes, own + "post_attention_layernorm", width, false);
      linear(shapes, own + "mlp.gate_proj", text.mlpWidth(), width, false);
      linear(shapes, own + "mlp.up_proj", text.mlpWidth(), width, false);
      linear(shapes, own + "mlp.down_proj", width, text.mlpWidth(), false);
    }
    norm(shapes, path + "norm", width, false);
    if (!config.tiedHead()) {
      shapes.put("lm_head.weight", new long[] {text.vocabulary(), width});
    }
  }

  private static void linear(
      Map<String, long[]> shapes, String path, long out, long in, boolean bias) {
    shapes.put(path + ".weight", new long[] {out, in});
    if (bias) {
      shapes.put(path + ".bias", new long[] {out});
    }
  }

  private static void norm(Map<String, long[]> shapes, String path, long width, boolean bias) {
    shapes.put(path + ".weight", new long[] {width});
    if (bias) {
      shapes.put(path + ".bias", new long[] {width});
    }
  }

  /**
   * The same tensors in the fixed order, if they are exactly those of the configuration.
   *
   * @throws IllegalArgumentException naming the first that are missing, unknown or of another shape
   */
  static Map<String, Tensor> check(QwenConfig config, Map<String, Tensor> weights) {
    Map<String, long[]> found = new LinkedHashMap<>();
    weights.forEach((name, tensor) -> found.put(name, HostTensors.shape(tensor)));
    List<String> problems = problems(config, found);
    Map<String, long[]> shapes = of(config);
    found.keySet().stream()
        .filter(name -> !shapes.containsKey(name))
        .forEach(name -> problems.add(Excerpt.of(name) + " is unknown"));
    require(config, problems);
    Map<String, Tensor> ordered = new LinkedHashMap<>();
    shapes.keySet().forEach(name -> ordered.put(name, weights.get(name)));
    return ordered;
  }

  /**
   * Refuses a configuration of more layers than there are tensors of, before anything is made for
   * each of them.
   *
   * @param names of the tensors there are
   */
  public static void requireLayers(QwenConfig config, Collection<String> names) {
    requireLayers("num_hidden_layers", config.text().layers(), LAYERS, "input_layernorm", names);
    requireLayers("vision_config.depth", config.vision().depth(), BLOCKS, "norm1", names);
  }

  private static void requireLayers(
      String field, int claimed, String path, String first, Collection<String> names) {
    Set<Integer> layers = new HashSet<>();
    for (String name : names) {
      if (name.startsWith(path)) {
        String number = name.substring(path.length()).split("\\.", 2)[0];
        if (number.matches("\\d{1,9}")) {
          layers.add(Integer.valueOf(number));
        }
      }
    }
    if (claimed > layers.size()) {
      int missing = 0;
      while (layers.contains(missing)) {
        missing++;
      }
      throw new IllegalArgumentException(
          "config.json has "
              + claimed
              + " layers as "
              + field
              + ", the weights have tensors of "
              + layers.size()
              + ": "
              + path
              + missing
              + "."
              + first
              + ".weight is missing; one of the files is another checkpoint's, or some were not"
              + " fetched");
    }
  }

  /** What a checkpoint's tensors lack, and which have another shape, as headers know it. */
  public static List<String> problems(QwenConfig config, Map<String, long[]> found) {
    requireLayers(config, found.keySet());
    List<String> problems = new ArrayList<>();
    of(config)
        .forEach(
            (name, shape) -> {
              long[] own = found.get(name);
              if (own == null) {
                problems.add(name + " is missing");
              } else if (!Arrays.equals(shape, own)) {
                problems.add(
                    name
                        + " has shape "
                        + Arrays.toString(own)
                        + ", expected "
                        + Arrays.toString(shape));
              }
            });
    return problems;
  }

  /** Fails with the first of the problems, if there are any. */
  public static void require(QwenConfig config, List<String> problems) {
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "the tensors do not fit the configuration "
              + config.generation().modelType()
              + " ("
              + problems.size()
              + " problems): "
              + String.join("; ", problems.subList(0, Math.min(LISTED, problems.size())))
              + (problems.size() > LISTED ? "; ..." : ""));
    }
  }
}
