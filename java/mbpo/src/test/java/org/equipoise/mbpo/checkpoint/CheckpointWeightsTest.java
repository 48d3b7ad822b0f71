package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Names, types and heads of weights as checkpoints have them, with what transformers 5.17 makes of
 * each: seen by from_pretrained over the same changes of tiny-qwen2-vl.
 */
class CheckpointWeightsTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;
  private static final String HEAD = "lm_head.weight";
  private static final String EMBEDDING = "model.embed_tokens.weight";

  @TempDir Path folder;
  private PointerScope scope;
  private Path checkpoint;
  private Map<String, Tensor> tensors;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    checkpoint = TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
    tensors =
        new LinkedHashMap<>(
            SafetensorsFile.read(checkpoint.resolve("model.safetensors")).tensors());
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private QwenCheckpoint written(Map<String, Tensor> changed) {
    SafetensorsFile.write(checkpoint.resolve("model.safetensors"), changed, Map.of());
    return QwenCheckpoint.open(checkpoint);
  }

  private ObjectNode config() {
    return (ObjectNode) Json.readObject(checkpoint.resolve("config.json"));
  }

  private void write(ObjectNode config) throws IOException {
    Files.writeString(checkpoint.resolve("config.json"), config.toString());
  }

  private static float[] logits(QwenCheckpoint opened) {
    try (QwenModel model = opened.loadFrozen(ScalarType.Float, MAX_PIXELS)) {
      return AdapterGoldenTest.logits(model);
    }
  }

  private Tensor otherHead() {
    float[] values = new float[320 * 32];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i * 0.7);
    }
    return HostTensors.floats(values, 320, 32).to(ScalarType.BFloat16);
  }

  /** Tied if either flag says so; the files' head counts where it is another one. */
  @Test
  void tieFlagsAndHeadsAreThoseOfTransformers() throws IOException {
    Boolean[] flags = {true, false, null};
    ObjectNode whole = config();
    for (Boolean root : flags) {
      for (Boolean text : flags) {
        ObjectNode config = whole.deepCopy();
        put(config, root);
        put((ObjectNode) config.get("text_config"), text);
        write(config);
        boolean tied = Boolean.TRUE.equals(root) || Boolean.TRUE.equals(text);
        String which = "root " + root + ", text_config " + text;
        if (tied) {
          assertTrue(written(tensors).config().tiedHead(), which);
        } else {
          String message =
              assertThrows(IllegalArgumentException.class, () -> written(tensors)).getMessage();
          assertTrue(message.contains("lm_head.weight is missing"), message);
        }
        Map<String, Tensor> same = new LinkedHashMap<>(tensors);
        same.put(HEAD, tensors.get(EMBEDDING).clone());
        assertEquals(tied, written(same).config().tiedHead(), which);
        assertEquals(List.of(), QwenCheckpoint.open(checkpoint).remarks(null), which);
        Map<String, Tensor> other = new LinkedHashMap<>(tensors);
        other.put(HEAD, otherHead());
        assertFalse(written(other).config().tiedHead(), which);
        assertEquals(tied ? 1 : 0, QwenCheckpoint.open(checkpoint).remarks(null).size(), which);
      }
    }
  }

  private static void put(ObjectNode node, @Nullable Boolean flag) {
    node.remove("tie_word_embeddings");
    if (flag != null) {
      node.put("tie_word_embeddings", flag);
    }
  }

  @Test
  void aHeadOfItsOwnIsUsedAndMerged() {
    float[] tied = logits(QwenCheckpoint.open(checkpoint));
    Map<String, Tensor> other = new LinkedHashMap<>(tensors);
    other.put(HEAD, otherHead());
    QwenCheckpoint opened = written(other);
    float[] own = logits(opened);
    assertTrue(Math.abs(own[0] - tied[0]) > 0.1, own[0] + " is not " + tied[0]);
    Path merged = folder.resolve("merged");
    try (QwenModel model = opened.loadFrozen(null, MAX_PIXELS)) {
      CheckpointWriter.write(model, opened, merged, CheckpointWriter.SHARD_BYTES);
    }
    QwenCheckpoint again = QwenCheckpoint.open(merged);
    assertTrue(again.weights().names().contains(HEAD));
    assertEquals(List.of(), again.remarks(null), "the flag says what the files hold");
    assertArrayEquals(own, logits(again));
  }

  private void assertType(
      @Nullable String named,
      Function<String, ScalarType> types,
      ScalarType expected,
      String... said)
      throws IOException {
    ObjectNode config = config();
    config.remove("dtype");
    config.remove("torch_dtype");
    if (named != null) {
      config.put(said.length % 2 == 0 ? "dtype" : "torch_dtype", named);
    }
    write(config);
    Map<String, Tensor> changed = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> changed.put(name, tensor.to(types.apply(name))));
    QwenCheckpoint opened = written(changed);
    try (QwenModel model = opened.loadFrozen(null, MAX_PIXELS)) {
      for (Map.Entry<String, Tensor> weight : model.weights().entrySet()) {
        assertEquals(expected, weight.getValue().scalar_type().intern(), weight.getKey());
      }
      AdapterGoldenTest.logits(model);
    }
    List<String> remarks = opened.remarks(null);
    assertEquals(said.length == 0 ? 0 : 1, remarks.size(), remarks.toString());
    for (String part : said) {
      assertTrue(remarks.get(0).contains(part), remarks + " says " + part);
    }
    assertEquals(List.of(), opened.remarks(ScalarType.Float), "who asks for a type gets it");
  }

  @Test
  void typesAreThoseThatTheConfigurationNames() throws IOException {
    ScalarType bfloat16 = ScalarType.BFloat16;
    ScalarType float32 = ScalarType.Float;
    assertType("bfloat16", name -> bfloat16, bfloat16);
    assertType(null, name -> bfloat16, bfloat16);
    assertType(null, name -> float32, float32);
    assertType("float32", name -> bfloat16, float32, "bfloat16", "float32", "BFLOAT16");
    assertType("float32", name -> bfloat16, float32, "bfloat16", "half the memory");
    assertType("bfloat16", name -> float32, bfloat16, "float32", "bfloat16", "FLOAT32");
  }

  @Test
  void halfAndMixedTypesBecomeFloat32() throws IOException {
    ScalarType half = ScalarType.Half;
    ScalarType float32 = ScalarType.Float;
    assertType("float16", name -> half, float32, "float16", "computed in float32");
    assertType(null, name -> half, float32, "float16");
    assertType(null, name -> ScalarType.Double, float32, "float64");
    Function<String, ScalarType> mixed =
        name -> name.contains("norm") ? float32 : ScalarType.BFloat16;
    assertType(null, mixed, float32, "bfloat16 and float32");
    assertType("bfloat16", mixed, ScalarType.BFloat16, "bfloat16 and float32");
  }

  /** Widening keeps every number. */
  @Test
  void float16ComputesWhatItsNumbersDoInFloat32() {
    Map<String, Tensor> half = new LinkedHashMap<>();
    Map<String, Tensor> wide = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          half.put(name, tensor.to(ScalarType.Half));
          wide.put(name, tensor.to(ScalarType.Half).to(ScalarType.Float));
        });
    float[] expected = logits(written(wide));
    assertArrayEquals(expected, logits(written(half)));
  }

  @Test
  void mixedLayoutsOfNamesAndTensorsThatAreNoPart() throws IOException {
    float[] expected = logits(QwenCheckpoint.open(checkpoint));
    Map<String, Tensor> mixed = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> mixed.put(name.contains("mlp") ? QwenKeys.toModel(name) : name, tensor));
    mixed.put("v_head.summary.weight", tensors.get(EMBEDDING).clone());
    mixed.put("model.layers.0.self_attn.rotary_emb.inv_freq", tensors.get("model.norm.weight"));
    QwenCheckpoint opened = written(mixed);
    assertArrayEquals(expected, logits(opened));
    assertEquals(1, opened.remarks(null).size());
    String remark = opened.remarks(null).get(0);
    assertTrue(remark.contains("1 tensors") && remark.contains("v_head.summary.weight"), remark);
    Path merged = folder.resolve("merged");
    try (QwenModel model = opened.loadFrozen(null, MAX_PIXELS)) {
      CheckpointWriter.write(model, opened, merged, CheckpointWriter.SHARD_BYTES);
    }
    assertArrayEquals(expected, logits(QwenCheckpoint.open(merged)));
    mixed.put("model.language_model.norm.weight", tensors.get("model.norm.weight"));
    String twice = assertThrows(IllegalArgumentException.class, () -> written(mixed)).getMessage();
    assertTrue(twice.contains("model.norm.weight") && twice.contains("two names"), twice);
  }

  /** As in transformers; the index of an earlier checkpoint may lie beside. */
  @Test
  void aWholeFileComesBeforeAnIndex() throws IOException {
    float[] expected = logits(QwenCheckpoint.open(checkpoint));
    Map<String, Tensor> other = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> other.put(name, tensor.mul(new Scalar(2.0))));
    SafetensorsFile.write(checkpoint.resolve("model-00001-of-00001.safetensors"), other, Map.of());
    ObjectNode index = Json.MAPPER.createObjectNode();
    ObjectNode map = index.putObject("weight_map");
    other.keySet().forEach(name -> map.put(name, "model-00001-of-00001.safetensors"));
    Files.writeString(checkpoint.resolve("model.safetensors.index.json"), index.toString());
    assertArrayEquals(expected, logits(QwenCheckpoint.open(checkpoint)));
  }

  @Test
  void fieldsThatChangeTheModelAreFollowedOrRefused() throws IOException {
    ObjectNode whole = config();
    record Case(String field, String json, String... parts) {}
    for (Case c :
        List.of(
            new Case("layer_types", "[\"full_attention\", \"sliding_attention\"]", "layer_types"),
            new Case("rope_scaling", "{\"type\": \"yarn\", \"factor\": 4}", "scaling.type", "yarn"),
            new Case(
                "rope_scaling", "{\"type\": \"mrope\", \"mrope_section\": [4, 1, 1]}", "mrope"),
            new Case("num_key_value_heads", "null", "self_attn.k_proj"))) {
      ObjectNode config = whole.deepCopy();
      ((ObjectNode) config.get("text_config")).set(c.field, Json.MAPPER.readTree(c.json));
      write(config);
      String message =
          assertThrows(IllegalArgumentException.class, () -> QwenCheckpoint.open(checkpoint))
              .getMessage();
      for (String part : c.parts) {
        assertTrue(message.contains(part), message);
      }
    }
    ObjectNode vision = whole.deepCopy();
    ((ObjectNode) vision.at("/vision_config/rope_parameters")).put("rope_theta", 5000);
    write(vision);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> QwenCheckpoint.open(checkpoint))
            .getMessage()
            .contains("vision_config.rope_parameters.rope_theta"));
    ObjectNode unknown = whole.deepCopy();
    unknown.put("head_of_tomorrow", 3);
    ((ObjectNode) unknown.get("text_config")).put("qk_norm", true);
    write(unknown);
    List<String> remarks = QwenCheckpoint.open(checkpoint).remarks(null);
    assertEquals(2, remarks.size(), remarks.toString());
    assertTrue(remarks.get(1).contains("text_config.qk_norm is not known"), remarks.toString());
  }
}
