package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.storage.FieldUses;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an adapter asks for that cannot be given is refused by its name, from headers alone. */
class AdapterRefusalsTest {
  private static final String Q0 =
      "base_model.model.model.language_model.layers.0.self_attn.q_proj";

  @TempDir Path folder;
  private PointerScope scope;
  private Map<String, long[]> shapes;
  private ObjectNode config;
  private Map<String, Tensor> tensors;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    shapes = QwenCheckpoint.open(TinyCheckpoint.folder()).shapes();
    Path plain = AdapterGoldenTest.adapter("plain");
    config = (ObjectNode) Json.readObject(plain.resolve("adapter_config.json"));
    tensors =
        new LinkedHashMap<>(
            SafetensorsFile.read(plain.resolve("adapter_model.safetensors")).tensors());
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private List<String> checked() {
    try {
      Files.writeString(folder.resolve("adapter_config.json"), config.toString());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    SafetensorsFile.write(folder.resolve("adapter_model.safetensors"), tensors, Map.of());
    return PeftAdapter.open(folder).check(shapes);
  }

  private void assertRefused(String... parts) {
    String message = assertThrows(IllegalArgumentException.class, this::checked).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
    assertTrue(message.length() < 600, "short: " + message);
  }

  private void with(String field, String json) {
    try {
      config.set(field, Json.MAPPER.readTree(json));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  private static String longText(int length) {
    return '"' + "a".repeat(length) + '"';
  }

  @Test
  void layersOfAnyNumberAreCompared() {
    with("layers_to_transform", "[0, 1]");
    assertEquals(List.of(), checked());
    String beyond = Q0.replace("layers.0", "layers.99999999999");
    for (String part : List.of(".lora_A.weight", ".lora_B.weight")) {
      tensors.put(beyond + part, tensors.get(Q0 + part));
    }
    assertRefused("layers.99999999999", "made for another");
  }

  @Test
  void everyRefusedFieldIsNamed() {
    int refused = 0;
    ObjectNode whole = config.deepCopy();
    for (Map.Entry<String, FieldUses.Use> field : AdapterFields.LORA.uses().entrySet()) {
      if (field.getValue() == FieldUses.Use.REFUSED) {
        config = whole.deepCopy();
        for (String nothing : List.of("null", "false", "[]", "{}")) {
          with(field.getKey(), nothing);
          assertEquals(List.of(), checked(), field.getKey());
        }
        with(field.getKey(), field.getKey().startsWith("use_") ? "true" : "[1]");
        assertRefused("adapter_config.json: " + field.getKey(), "not supported");
        refused++;
      }
    }
    assertEquals(11, refused);
  }

  @Test
  void valuesThatAreNotSupportedAreNamed() {
    record Case(String field, String json, String... parts) {}
    ObjectNode whole = config.deepCopy();
    for (Case c :
        List.of(
            new Case("peft_type", "\"IA3\"", "peft_type", "LORA", "IA3"),
            new Case("r", "0", "r: expected a positive whole number"),
            new Case("r", "3", "lora_A", "[2, 32]", "[3, 32]"),
            new Case("rank_pattern", "{\"q_proj\": 5}", "lora_A", "[5, 32]"),
            new Case("rank_pattern", "{\"q_proj\": \"a\"}", "rank_pattern.q_proj", "number"),
            new Case("alpha_pattern", "{\"(\": 5}", "alpha_pattern", "regular expression"),
            new Case("lora_alpha", "null", "lora_alpha"),
            new Case("bias", "\"some\"", "bias", "none, all or lora_only"),
            new Case("init_lora_weights", "\"pissa_niter_16\"", "init_lora_weights", "pissa"),
            new Case("init_lora_weights", "\"olora\"", "init_lora_weights", "conversion"),
            new Case("init_lora_weights", "\"loftq\"", "init_lora_weights"),
            new Case("modules_to_save", "[\"lm_head\"]", "modules_to_save", "lm_head"),
            new Case("target_modules", "null", "target_modules", "nothing"),
            new Case("target_modules", "[\"k_proj\"]", "do not mean", "q_proj"),
            new Case("target_modules", "\"model\\\\.layers\\\\.7.*\"", "do not mean", "q_proj"),
            new Case("target_modules", "\"(\"", "target_modules", "regular expression"),
            new Case("target_modules", "[3]", "target_modules", "list of texts"),
            new Case("exclude_modules", longText(100_001), "exclude_modules", "more than 100000"),
            new Case("exclude_modules", "[\"q_proj\"]", "do not mean", "q_proj"),
            new Case("layers_to_transform", "[1]", "do not mean", "layers.0"),
            new Case("layers_to_transform", "[\"a\"]", "layers_to_transform"),
            new Case("trainable_token_indices", "[5]", "trainable_token_indices"),
            new Case("use_new_thing", "true", "use_new_thing", "does not know"))) {
      config = whole.deepCopy();
      with(c.field, c.json);
      assertRefused(c.parts);
    }
  }

  @Test
  void fieldsThatAreLeftOutAreSaid() {
    with("new_number", "3");
    checked();
    List<String> remarks = PeftAdapter.open(folder).remarks();
    assertEquals(2, remarks.size());
    assertTrue(remarks.get(0).contains("new_number"), remarks.toString());
    assertTrue(remarks.get(1).contains("lora_dropout"), remarks.toString());
    with("target_modules", "[\"q_proj\", \"v_proj\", \"o_proj\"]");
    String missing = checked().get(0);
    assertTrue(missing.contains("2 layers") && missing.contains("o_proj"), missing);
  }

  @Test
  void expressionsThatNeverEndDo() {
    for (String never : List.of("(.*)*(.*)*(.*)*(.*)*!", "(?:|)".repeat(60) + "(?!)")) {
      with("target_modules", "\"" + never + "\"");
      assertRefused("do not mean", "q_proj");
    }
    with("target_modules", "\".*\"");
    String costly = "(?:" + "(.*)*".repeat(1000) + ")*!";
    ObjectNode ranks = config.putObject("rank_pattern");
    for (int i = 0; i < 300; i++) {
      ranks.put(costly + i, 4);
    }
    assertRefused("rank_pattern: matching layers takes too long");
  }

  @Test
  void tensorsThatBelongToNothingAreNamed() {
    Map<String, Tensor> whole = Map.copyOf(tensors);
    Tensor a = tensors.get(Q0 + ".lora_A.weight");
    tensors.remove(Q0 + ".lora_B.weight");
    assertRefused("expected lora_A and lora_B", "layers.0.self_attn.q_proj");
    tensors.putAll(whole);
    tensors.put(Q0 + ".lora_magnitude_vector", a);
    assertRefused("lora_magnitude_vector", "no kind of adapter");
    tensors.remove(Q0 + ".lora_magnitude_vector");
    tensors.put(Q0 + ".lora_A.second.weight", a);
    assertRefused("two adapters of one layer", "lora_A.second.weight");
    tensors.remove(Q0 + ".lora_A.second.weight");
    String foreign = "base_model.model.model.language_model.layers.9.self_attn.q_proj";
    tensors.put(foreign + ".lora_A.weight", a);
    tensors.put(foreign + ".lora_B.weight", tensors.get(Q0 + ".lora_B.weight"));
    assertRefused("layers.9.self_attn.q_proj", "made for another");
    tensors.clear();
    tensors.put("base_model.model.lm_head.weight", HostTensors.floats(new float[64], 2, 32));
    assertRefused("lm_head.weight is for 2 tokens", "has 320", "resize_token_embeddings(2)");
    tensors.clear();
    assertRefused("found none");
  }

  @Test
  void foldersThatAreNoAdapterSaySo() throws IOException {
    checked();
    Files.move(folder.resolve("adapter_model.safetensors"), folder.resolve("adapter_model.bin"));
    assertMessage(folder, "adapter_model.bin", "save_file", "weights_only=True");
    Path parent = folder.resolve("out");
    Files.createDirectories(parent);
    assertMessage(parent, "expected adapter_config.json");
    Path inside = Files.createDirectories(parent.resolve("checkpoint-20"));
    Files.copy(folder.resolve("adapter_config.json"), inside.resolve("adapter_config.json"));
    assertMessage(parent, "name one of the folders", "checkpoint-20");
    Path cache = Files.createDirectories(folder.resolve("models--me--mine/snapshots/5f2a"));
    assertMessage(cache.getParent().getParent(), "cache of the Hugging Face Hub", "5f2a");
    assertMessage(TinyCheckpoint.folder(), "model.folder");
    assertMessage(folder.resolve("nowhere"), "found none");
    try (Stream<Path> files = Files.list(inside)) {
      assertEquals(1, files.count());
    }
  }

  private static void assertMessage(Path adapter, String... parts) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> PeftAdapter.open(adapter)).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
  }
}
