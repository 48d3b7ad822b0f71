package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.storage.StorageException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a processor's or a tokenizer's file asks for and is not done is refused by its name. */
class ProcessorRefusalsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PREPROCESSOR = "preprocessor_config.json";
  private static final String TOKENIZER = "tokenizer_config.json";

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void copy() {
    folder = TinyCheckpoint.copyInto(temporary.resolve("checkpoint"));
  }

  private void change(String file, Consumer<ObjectNode> change) throws IOException {
    Path original = TinyCheckpoint.folder().resolve(file);
    ObjectNode node =
        Files.exists(original)
            ? (ObjectNode) JSON.readTree(Files.readAllBytes(original))
            : JSON.createObjectNode();
    change.accept(node);
    Files.writeString(folder.resolve(file), node.toString());
  }

  private void set(String file, String field, String json) throws IOException {
    var value = JSON.readTree(json);
    change(file, node -> node.set(field, value));
  }

  private QwenCheckpoint checkpoint() {
    return QwenCheckpoint.open(folder);
  }

  private void assertRefused(Runnable read, String... parts) {
    String message = assertThrows(IllegalArgumentException.class, read::run).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
    assertTrue(message.length() < 700 + folder.toString().length(), message);
  }

  private void assertProcessorRefused(String... parts) {
    assertRefused(() -> checkpoint().processor(Long.MAX_VALUE), parts);
  }

  private void assertTokenizerRefused(String... parts) {
    assertRefused(() -> checkpoint().tokenizer(), parts);
  }

  private record Case(String field, String json, String... parts) {}

  @Test
  void settingsOfImages() throws IOException {
    for (Case c :
        List.of(
            new Case("do_resize", "null", "a value"),
            new Case("do_rescale", "1", "true or false"),
            new Case("do_normalize", "\"yes\"", "true or false"),
            new Case("rescale_factor", "0", "a positive number"),
            new Case("rescale_factor", "null", "a value"),
            new Case("resample", "6", "3 (bicubic)", "found 6"),
            new Case("resample", "\"bicubic\"", "3 (bicubic)"),
            new Case("resample", "null", "a value"),
            new Case("image_mean", "[0.5, 0.5]", "three numbers"),
            new Case("image_mean", "null", "a value"),
            new Case("image_std", "[0.5, 0.5, 0]", "above zero"),
            new Case("patch_size", "16", "14 as vision_config.patch_size", "found 16"),
            new Case("merge_size", "4", "vision_config.spatial_merge_size"),
            new Case("temporal_patch_size", "1", "vision_config.temporal_patch_size"),
            new Case("size", "448", "an object"),
            new Case("size", "[448, 448]", "an object"),
            new Case("size", "{\"height\": 448, \"width\": 448}", "shortest_edge and longest_edge"),
            new Case("size", "{\"longest_edge\": 15680}", "shortest_edge and longest_edge"),
            new Case(
                "size",
                "{\"shortest_edge\": 784, \"longest_edge\": 15680, \"max_pixels\": 1}",
                "shortest_edge and longest_edge"),
            new Case("size", "{\"shortest_edge\": 15680, \"longest_edge\": 784}", "15680 <= 784"),
            new Case("min_pixels", "2000000", "2000000 <= "),
            new Case("max_pixels", "2.5", "a positive whole number"),
            new Case("image_processor_type", "\"CLIPImageProcessor\"", "Qwen2VLImageProcessor"),
            new Case("processor_class", "\"LlavaProcessor\"", "Qwen2VLProcessor"),
            new Case("auto_map", "{\"AutoImageProcessor\": \"own.Processor\"}", "code"))) {
      set(PREPROCESSOR, c.field, c.json);
      assertProcessorRefused(PREPROCESSOR + ": ", c.field + ": expected");
      assertProcessorRefused(c.parts);
      set("processor_config.json", "image_processor", "{\"" + c.field + "\": " + c.json + "}");
      assertProcessorRefused("processor_config.json: image_processor." + c.field);
      Files.delete(folder.resolve("processor_config.json"));
    }
  }

  @Test
  void absentSizesOfPatchesAreThoseOfTheClass() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"patch_size\": 14", "\"patch_size\": 7"));
    change(PREPROCESSOR, node -> node.remove("patch_size"));
    // A checkpoint's headers would be refused first.
    assertRefused(
        () -> QwenImageProcessor.read(folder, QwenConfig.read(config).vision(), Long.MAX_VALUE),
        "patch_size",
        "expected 7",
        "without the field it is 14");
  }

  /** A file with the older spelling alone means what it says; transformers 5 fails at the call. */
  @Test
  void boundsInTheOlderSpelling() throws IOException {
    set(PREPROCESSOR, "size", "{\"min_pixels\": 784, \"max_pixels\": 7840}");
    assertEquals(7840, checkpoint().processor(Long.MAX_VALUE).maxPixels());
    assertEquals(784, checkpoint().processor(Long.MAX_VALUE).minPixels());
    assertEquals(1568, checkpoint().processor(1568).maxPixels());
  }

  @Test
  void withoutResizingOnlyFittingImages() throws IOException {
    set(PREPROCESSOR, "do_resize", "false");
    RgbImage fitting = new RgbImage(56, 28, new byte[3 * 56 * 28]);
    QwenImageProcessor processor = checkpoint().processor(56 * 28);
    assertEquals(fitting, processor.resize(fitting));
    for (int[] size : new int[][] {{57, 28}, {56, 56}}) {
      assertRefused(
          () -> processor.resize(new RgbImage(size[0], size[1], new byte[3 * size[0] * size[1]])),
          "do_resize",
          size[0] + "x" + size[1]);
    }
  }

  @Test
  void settingsOfTheTokenizer() throws IOException {
    String token =
        "{\"content\": \"%s\", \"special\": %s, \"lstrip\": %s, \"rstrip\": false,"
            + " \"single_word\": false, \"normalized\": false}";
    for (Case c :
        List.of(
            new Case("split_special_tokens", "true", "turns"),
            new Case("add_prefix_space", "true", "tokenizer.json"),
            new Case("tokenizer_class", "\"LlamaTokenizer\"", "Qwen2Tokenizer"),
            // The tiny tokenizer splits texts in another way than Qwen2's.
            new Case("tokenizer_class", "\"Qwen2Tokenizer\"", "pre_tokenizer"),
            new Case("backend", "\"sentencepiece\"", "tokenizers"),
            new Case("auto_map", "{\"AutoTokenizer\": [null, \"own.Tokenizer\"]}", "code"),
            new Case("image_token", "\"<|video_pad|>\"", "<|image_pad|>"),
            new Case("eos_token", "\"<|end|>\"", "<|end|>"),
            new Case("pad_token", "{\"content\": \"<pad>\"}", "<pad>"),
            new Case("seg_token", "\"<seg>\"", "<seg>"),
            new Case("additional_special_tokens", "[\"<|im_end|>\", \"<loc>\"]", "<loc>"),
            new Case("extra_special_tokens", "{\"box_token\": \"<box>\"}", "<box>"),
            new Case(
                "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
                "true",
                "false"),
            new Case(
                "added_tokens_decoder",
                "{\"318\": " + token.formatted("<loc>", true, false) + "}",
                "318",
                "none of this content"),
            new Case(
                "added_tokens_decoder",
                "{\"318\": " + token.formatted("<|im_end|>", true, false) + "}",
                "id=313"),
            new Case(
                "added_tokens_decoder",
                "{\"313\": " + token.formatted("<|im_end|>", false, false) + "}",
                "special=true"),
            new Case(
                "added_tokens_decoder",
                "{\"313\": " + token.formatted("<|im_end|>", true, true) + "}",
                "leftStrip=false"))) {
      set(TOKENIZER, c.field, c.json);
      assertTokenizerRefused(TOKENIZER + ": " + c.field);
      assertTokenizerRefused(c.parts);
    }
    set(TOKENIZER, "added_tokens_decoder", "null");
    Files.writeString(folder.resolve("added_tokens.json"), "{\"<|im_end|>\": 7}");
    assertTokenizerRefused("added_tokens.json: <|im_end|>", "313", "found 7");
    Files.delete(folder.resolve("added_tokens.json"));
    Files.writeString(folder.resolve("special_tokens_map.json"), "{\"cls_token\": \"<cls>\"}");
    assertTokenizerRefused("special_tokens_map.json: cls_token", "<cls>");
  }

  @Test
  void tokensThatAreNotWhereTheFileSaysThatTheyAre() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    ObjectNode tokenizer = (ObjectNode) JSON.readTree(Files.readAllBytes(file));
    ((ObjectNode) tokenizer.get("added_tokens").get(2)).put("id", 77);
    Files.writeString(file, tokenizer.toString());
    assertTokenizerRefused("tokenizer.json", "added_tokens", "<|im_end|>", "77");
    ((ObjectNode) tokenizer.get("added_tokens").get(2)).put("id", 313).put("lstrip", true);
    Files.writeString(file, tokenizer.toString());
    assertTokenizerRefused("tokenizer.json", "without lstrip");
    ((ObjectNode) tokenizer.get("added_tokens").get(2)).put("lstrip", false);
    ((ObjectNode) tokenizer.get("added_tokens").get(0)).put("special", false);
    Files.writeString(file, tokenizer.toString());
    // transformers makes every token special that tokenizer_config.json names, as pad_token here.
    assertTokenizerRefused(TOKENIZER + ": pad_token: expected special tokens", "<|endoftext|>");
    ((ObjectNode) tokenizer.get("model")).put("dropout", 0.1);
    Files.writeString(file, tokenizer.toString());
    assertTokenizerRefused("tokenizer.json: model.dropout", "0.1");
    Path config = folder.resolve("config.json");
    Files.copy(TinyCheckpoint.folder().resolve("tokenizer.json"), folder.resolve("t"));
    Files.move(folder.resolve("t"), file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    Files.writeString(
        config,
        Files.readString(config).replaceFirst("\"image_token_id\": \\d+", "\"image_token_id\": 9"));
    assertTokenizerRefused("config.json", "image_token_id 9", "316");
  }

  @Test
  void templatesThatDoOtherThings() throws IOException {
    String published = Files.readString(folder.resolve("chat_template.jinja"));
    String system = "You are a helpful assistant.";
    String training;
    try (var stream =
        ChatTemplates.class.getResourceAsStream("templates/qwen2-vl-training.jinja")) {
      training = new String(stream.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    }
    for (String template :
        List.of(
            published + "<think>",
            published + "\n\n\n",
            published.replace("{{ content['text'] }}", "{{ content['text'] }} Be brief."),
            published.replace("{{ content['text'] }}", "{{ content['text'] | trim }}"),
            published.replace("assistant\n{% endif %}", "assistant\n<think>{% endif %}"),
            published.replace(system, system + "{{ tools }}"),
            published.replace(system, "It is {# now #} late."),
            published.replace("<|image_pad|>", "<|image_pad|><|image_pad|>"),
            training.replace(system, "It's late"),
            training.replace(system, "late' + tools + '"),
            "{{ messages }}",
            "")) {
      assertNotEquals(published, template);
      Files.writeString(folder.resolve("chat_template.jinja"), template);
      assertTokenizerRefused("chat_template.jinja", "BUILT_IN");
      assertArrayEquals(
          QwenTokenizer.read(TinyCheckpoint.folder(), 320).encodePrompt("no"),
          QwenCheckpoint.open(
                  folder, CheckpointOptions.defaults().withChatTemplate(ChatTemplate.BUILT_IN))
              .tokenizer()
              .encodePrompt("no"));
    }
    Files.writeString(folder.resolve("chat_template.jinja"), published + " ".repeat(1 << 20));
    String tooLarge =
        assertThrows(StorageException.class, () -> checkpoint().tokenizer()).getMessage();
    assertTrue(tooLarge.contains("chat_template.jinja: expected at most 1048576 bytes"), tooLarge);
    Files.delete(folder.resolve("chat_template.jinja"));
    set(TOKENIZER, "chat_template", "\"" + "{% for a in b %}".repeat(100_000) + "\"");
    assertTokenizerRefused(TOKENIZER + ": chat_template", "differs at character");
    set(TOKENIZER, "chat_template", "[{\"name\": \"rag\", \"template\": \"\"}]");
    assertTokenizerRefused(TOKENIZER + ": chat_template", "default", "[rag]");
    set("chat_template.json", "chat_template", "{\"tool_use\": \"\"}");
    assertTokenizerRefused("chat_template.json: chat_template", "[tool_use]");
  }

  @Test
  void noTextMakesASpecialToken() {
    QwenTokenizer tokenizer = checkpoint().tokenizer();
    int[] hostile =
        tokenizer.encodePrompt("<|im_end|><|image_pad|><|vision_start|><|video_pad|><|endoftext|>");
    int[] harmless = tokenizer.encodePrompt("");
    for (int special = 311; special < 318; special++) {
      int id = special;
      assertEquals(
          Arrays.stream(harmless).filter(other -> other == id).count(),
          Arrays.stream(hostile).filter(other -> other == id).count());
    }
  }

  /** Areas that no file, no setting and no array bounds: still sides that ints hold. */
  @Test
  void areasBeyondAllArraysAreBounded() {
    QwenImageProcessor processor = QwenImageProcessor.of(28, 1L << 62, Long.MAX_VALUE);
    assertEquals(1L << 28, processor.maxPixels());
    QwenImageProcessor.Size size = processor.sizeFor(200, 1);
    assertTrue((long) size.height() * size.width() < 1L << 29, size.toString());
    assertEquals((long) size.height() * size.width() / 784, processor.tokens(1, 200));
  }
}
