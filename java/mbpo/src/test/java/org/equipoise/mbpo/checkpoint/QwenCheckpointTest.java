package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QwenCheckpointTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;

  @TempDir Path folder;

  private Path copy() {
    return TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
  }

  private static void assertRefused(Path checkpoint, String... parts) {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> {
                  try (QwenModel model =
                      QwenCheckpoint.open(checkpoint).load(ScalarType.Float, MAX_PIXELS)) {
                    model.name();
                  }
                })
            .getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
  }

  private static void replace(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertTrue(text.contains(from), file + " holds " + from);
    Files.writeString(file, text.replace(from, to));
  }

  @Test
  void loadsAndAnswersInBothTypes() {
    RgbImage photograph = ImageFiles.read(TinyCheckpoint.resource("image-1.png"));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      try (PointerScope scope = new PointerScope();
          QwenModel model =
              QwenCheckpoint.open(TinyCheckpoint.folder())
                  .load(LoraOptions.defaults(), type, MAX_PIXELS)) {
        RgbImage image = model.imageProcessor().resize(photograph);
        int[] prompt = model.tokenizer().encodePrompt("is there a dog in the picture ?");
        int[] answer =
            model
                .generate(
                    ImageBatch.ofImages(List.of(image)),
                    List.of(prompt),
                    null,
                    GenerationOptions.greedy().withMaxNewTokens(5))
                .get(0)
                .tokens();
        assertTrue(answer.length >= 1 && answer.length <= 5);
        assertEquals(28, model.parameters().size(), "7 layers of 2 blocks, two matrices each");
      }
    }
  }

  @Test
  void mappedWeightsAreTheFilesAndChangesStayInMemory() throws IOException {
    Path checkpoint = copy();
    byte[] before = Files.readAllBytes(checkpoint.resolve("model.safetensors"));
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> expected =
          SafetensorsFile.read(checkpoint.resolve("model.safetensors")).tensors();
      Map<String, Tensor> mapped = SafetensorsCheckpoint.open(checkpoint).load(null);
      assertEquals(expected.keySet(), mapped.keySet());
      expected.forEach((name, tensor) -> assertTrue(tensor.equal(mapped.get(name)), name));
      mapped.values().forEach(Tensor::zero_);
    }
    assertTrue(
        java.util.Arrays.equals(
            before, Files.readAllBytes(checkpoint.resolve("model.safetensors"))));
  }

  @Test
  void bothLayoutsOfNamesAndSeveralFiles() throws IOException {
    Path checkpoint = copy();
    Path single = checkpoint.resolve("model.safetensors");
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = SafetensorsFile.read(single).tensors();
      boolean old = tensors.keySet().stream().anyMatch(name -> name.startsWith("visual."));
      assertTrue(old, "the golden checkpoint has the Hub's names");
      StringBuilder index = new StringBuilder("{\"weight_map\": {");
      Map<String, Tensor> first = new java.util.LinkedHashMap<>();
      Map<String, Tensor> second = new java.util.LinkedHashMap<>();
      tensors.forEach(
          (name, tensor) -> {
            String renamed = QwenKeys.toModel(name);
            boolean early = first.size() <= second.size();
            (early ? first : second).put(renamed, tensor);
            index
                .append(index.charAt(index.length() - 1) == '{' ? "" : ",")
                .append("\"" + renamed + "\": \"" + (early ? "a" : "b") + ".safetensors\"");
          });
      SafetensorsFile.write(checkpoint.resolve("a.safetensors"), first, Map.of());
      SafetensorsFile.write(checkpoint.resolve("b.safetensors"), second, Map.of());
      Files.delete(single);
      Files.writeString(
          checkpoint.resolve("model.safetensors.index.json"), index.append("}}").toString());
      QwenCheckpoint opened = QwenCheckpoint.open(checkpoint);
      assertTrue(opened.weights().names().contains("model.visual.merger.ln_q.weight"));
      try (QwenModel model = opened.load(ScalarType.Float, MAX_PIXELS)) {
        assertEquals(tensors.size(), model.parameters().size());
      }
      Files.delete(checkpoint.resolve("b.safetensors"));
      assertRefused(checkpoint, "index.json", "b.safetensors", "does not exist");
      SafetensorsFile.write(checkpoint.resolve("b.safetensors"), first, Map.of());
      assertRefused(checkpoint, "b.safetensors", "expected tensor");
      replace(
          checkpoint.resolve("model.safetensors.index.json"), "b.safetensors", "../b.safetensors");
      assertRefused(checkpoint, "index.json", "expected a file name", "../b.safetensors");
    }
  }

  @Test
  void stopTokensAreThoseOfTheFormatAndOfTheGenerationConfig() throws IOException {
    Path checkpoint = copy();
    assertEquals(Set.of(311, 313), stops(checkpoint));
    Files.delete(checkpoint.resolve("generation_config.json"));
    assertEquals(1, stops(checkpoint).size());
  }

  private static Set<Integer> stops(Path checkpoint) throws IOException {
    QwenCheckpoint opened = QwenCheckpoint.open(checkpoint);
    return opened.stopTokens(opened.tokenizer());
  }

  @Test
  void wrongFoldersAndConfigurations() throws IOException {
    assertRefused(folder.resolve("nowhere"), "nowhere", "expected a folder");
    assertRefused(folder, "expected config.json");
    Path checkpoint = copy();
    Path config = checkpoint.resolve("config.json");
    String whole = Files.readString(config);
    record Case(String from, String to, String... parts) {}
    for (Case c :
        List.of(
            new Case("\"qwen2_vl\"", "\"llava\"", "model_type", "qwen2_vl and qwen2_5_vl", "llava"),
            new Case("\"num_attention_heads\": 4", "\"num_attention_heads\": 5", "hidden_size"),
            new Case("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "divisor"),
            new Case(
                "\"hidden_size\": 32,", "\"hidden_size\": \"wide\",", "text_config.hidden_size"),
            new Case("\"vocab_size\": 320", "\"vocab_size\": 100", "image_token_id", "100"),
            new Case("\"vocab_size\": 320", "\"vocab_size\": -1", "text_config.vocab_size", "-1"),
            new Case("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "rope_type", "yarn"),
            new Case("\"use_sliding_window\": false", "\"use_sliding_window\": true", "sliding"),
            new Case("\"quick_gelu\"", "\"relu\"", "vision_config.hidden_act", "quick_gelu"),
            new Case(
                "\"intermediate_size\": 64", "\"intermediate_size\": 66", "mlp.gate_proj", "66"),
            new Case("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2", "missing"),
            new Case("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "layers.1", "unknown"),
            new Case("\"vision_config\"", "\"other_config\"", "vision_config", "nothing"),
            new Case("{", "[", "config.json"))) {
      Files.writeString(config, whole.replace(c.from, c.to));
      String[] parts = java.util.Arrays.copyOf(c.parts, c.parts.length);
      assertRefused(checkpoint, parts);
    }
  }

  @Test
  void wrongTokenizersAndProcessors() throws IOException {
    Path checkpoint = copy();
    replace(checkpoint.resolve("chat_template.jinja"), "'text' in content", "'words' in content");
    assertRefused(checkpoint, "chat_template.jinja", "'words' in content", "BUILT_IN");
    Files.delete(checkpoint.resolve("chat_template.jinja"));
    Path processor = checkpoint.resolve("preprocessor_config.json");
    replace(processor, "15680", "\"large\"");
    assertRefused(checkpoint, "preprocessor_config.json", "size.longest_edge", "large");
    replace(processor, "\"large\"", "15680");
    replace(processor, "0.4578275,", "");
    assertRefused(checkpoint, "image_mean", "three numbers");
    Files.delete(processor);
    Path generation = checkpoint.resolve("generation_config.json");
    Files.writeString(generation, "{\"eos_token_id\": \"end\"}");
    assertRefused(checkpoint, "generation_config.json", "eos_token_id");
    Files.delete(generation);
    Path tokenizer = checkpoint.resolve("tokenizer.json");
    replace(tokenizer, "<|im_end|>", "<|over|>");
    assertRefused(checkpoint, "tokenizer.json", "<|im_end|>");
    Files.writeString(tokenizer, "{\"version\": 1");
    assertRefused(checkpoint, "tokenizer.json");
    Files.delete(tokenizer);
    assertRefused(checkpoint, "expected tokenizer.json");
  }

  private void assertHeaderRefused(String header, int dataBytes, String... parts)
      throws IOException {
    Path checkpoint = folder.resolve("header");
    Files.createDirectories(checkpoint);
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(
        checkpoint.resolve("model.safetensors"), file.putLong(json.length).put(json).array());
    String message =
        assertThrows(IllegalArgumentException.class, () -> SafetensorsCheckpoint.open(checkpoint))
            .getMessage();
    assertTrue(message.contains("model.safetensors"), message);
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
  }

  @Test
  void lyingHeaders() throws IOException {
    String head = "{\"w\":{\"dtype\":\"F32\",\"shape\":";
    assertHeaderRefused(head + "[2],\"data_offsets\":[0,8]}}", 7, "w", "0 to 8", "7");
    assertHeaderRefused(head + "[3],\"data_offsets\":[0,8]}}", 8, "needs 12");
    assertHeaderRefused(head + "[-2],\"data_offsets\":[0,8]}}", 8, "shape [-2]");
    assertHeaderRefused(head + "[2],\"data_offsets\":[-8,0]}}", 8, "-8");
    assertHeaderRefused(head + "[2],\"data_offsets\":[8,0]}}", 8, "8 to 0");
    assertHeaderRefused(
        head + "[4611686018427387904,4],\"data_offsets\":[0,0]}}", 8, "impossible shape");
    assertHeaderRefused(head + "2,\"data_offsets\":[0,8]}}", 8, "no shape");
    assertHeaderRefused("{\"w\":{\"dtype\":\"F8\",\"shape\":[1]}}", 8, "element type", "F8");
    assertHeaderRefused(
        "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}",
        8,
        "w is of type F8_E4M3",
        "quantised");
    assertHeaderRefused("[]", 8, "not a JSON object");
    assertHeaderRefused("{\"w\"", 8, "not JSON");
    String entry = "\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":";
    assertHeaderRefused(
        "{\"a\":{" + entry + "[0,4]},\"b\":{" + entry + "[3,7]}}", 8, "a and b overlap");
    assertHeaderRefused(
        "{\"a\":{" + entry + "[0,4]},\"a\":{" + entry + "[4,8]}}", 8, "Duplicate", "a");
  }

  /** Numbers that Java's ints and longs cut, and more of anything than a model has. */
  @Test
  void headersOfNoFile() throws IOException {
    String shape = "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8],\"shape\":";
    assertHeaderRefused(shape + "[2.5]}}", 8, "shape [2.5]");
    assertHeaderRefused(shape + "[18446744073709551618]}}", 8, "18446744073709551618");
    assertHeaderRefused(shape + "[4611686018427387904,0,4]}}", 8, "impossible shape");
    assertHeaderRefused(shape + "[1,1,1,1,1,1,1,1,2]}}", 8, "9 dimensions");
    String offsets = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":";
    assertHeaderRefused(offsets + "[0.5,8.5]}}", 9, "0.5 to 8.5");
    assertHeaderRefused(offsets + "[\"0\",\"8\"]}}", 8, "\"0\" to \"8\"");
    // 2^64 and 2^64 + 8, whose last 64 bits are 0 and 8.
    assertHeaderRefused(
        offsets + "[18446744073709551616,18446744073709551624]}}", 8, "18446744073709551616");
    StringBuilder many = new StringBuilder("{");
    for (int i = 0; i <= 100_000; i++) {
      many.append(i == 0 ? "" : ",").append('"').append(i);
      many.append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
    }
    assertHeaderRefused(many + "}", 0, "at most 100000 tensors");
    assertHeaderRefused(" ".repeat((1 << 24) + 1), 0, "a header of at most 16777216 bytes");
  }

  @Test
  void cutFiles() throws IOException {
    Path checkpoint = copy();
    Path weights = checkpoint.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(whole, whole.length - 1));
    assertRefused(checkpoint, "model.safetensors", "fetch or write it again");
    Files.write(weights, java.util.Arrays.copyOf(whole, 100));
    assertRefused(checkpoint, "model.safetensors", "header length");
    Files.write(weights, new byte[3]);
    assertRefused(checkpoint, "model.safetensors", "ends too early");
    Files.delete(weights);
    assertRefused(checkpoint, "model.safetensors", "found neither");
  }
}
