package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.Json;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Contents of a {@code tokenizer.json} with which the native library ends the process, never ends
 * or fills memory are refused before it sees them, by file and field. Without the refusal some of
 * these tests would kill the whole test run.
 */
class TokenizerRefusalsTest {
  /** As the tiny model has it. */
  private static final int VOCABULARY = 320;

  private static final String SPLIT =
      "{\"type\":\"Split\",\"pattern\":{\"Regex\":%s},\"behavior\":\"Isolated\",\"invert\":false}";
  private static final String BYTES =
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
          + "\"use_regex\":false}";

  @TempDir Path temporary;
  private Path folder;
  private Path file;
  private ObjectNode tokenizer;

  @BeforeEach
  void copy() {
    folder = TinyCheckpoint.copyInto(temporary.resolve("checkpoint"));
    file = folder.resolve("tokenizer.json");
    tokenizer = (ObjectNode) Json.readObject(file);
  }

  private static JsonNode json(String text) {
    try {
      return Json.MAPPER.readTree(text);
    } catch (IOException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  private QwenTokenizer read() {
    return read(TokenizerTrust.KNOWN);
  }

  private QwenTokenizer read(TokenizerTrust trust) {
    try {
      Files.writeString(file, tokenizer.toString());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return QwenTokenizer.read(folder, VOCABULARY, ChatTemplate.FILE, trust);
  }

  private void assertRefused(String... parts) {
    String message = assertThrows(IllegalArgumentException.class, this::read).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
    assertTrue(message.startsWith(file + ": "), message);
    assertTrue(message.length() < 700 + file.toString().length(), message);
  }

  private void assertPartRefused(String part, String content, String... says) {
    ObjectNode whole = tokenizer.deepCopy();
    tokenizer.set(part, json(content));
    assertRefused(says);
    assertRefused("model.tokenizer=TRUSTED");
    tokenizer = whole;
  }

  private static String sequence(String list, String... components) {
    return "{\"type\":\"Sequence\",\"%s\":[%s]}".formatted(list, String.join(",", components));
  }

  private static String split(String pattern) {
    return sequence("pretokenizers", SPLIT.formatted(Json.text(pattern)), BYTES);
  }

  @Test
  void expressionsThatNoPublishedTokenizerHas() {
    for (String pattern :
        List.of(
            "(a|aa)+$",
            "(a*)*b",
            "",
            "(?=)",
            "(".repeat(100_000) + ")".repeat(100_000),
            "((a{1000}){1000}){1000}",
            " " + TokenizerPatterns.byFamily().get("Falcon").get(0))) {
      assertPartRefused(
          "pre_tokenizer", split(pattern), "pre_tokenizer.pretokenizers[0].pattern.Regex");
    }
    assertPartRefused(
        "pre_tokenizer",
        "{\"type\":\"Split\",\"pattern\":{\"String\":\"\"},\"behavior\":\"Isolated\"}",
        "pre_tokenizer.pattern.String: expected a text");
  }

  @Test
  void kindsAndValuesThatNoPublishedTokenizerHas() {
    String table = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}";
    assertPartRefused("normalizer", table, "normalizer.type", "\"Precompiled\"");
    assertPartRefused(
        "normalizer",
        sequence("normalizers", "{\"type\":\"NFC\"}", table),
        "normalizer.normalizers[1].type");
    assertPartRefused(
        "normalizer",
        sequence("normalizers", sequence("normalizers", "{\"type\":\"NFC\"}")),
        "normalizer.normalizers[0].type",
        "\"Sequence\"");
    for (String pattern :
        List.of("{\"String\":\"\"}", "{\"Regex\":\"x*\"}", "{\"String\":\"a\"}")) {
      assertPartRefused(
          "normalizer",
          "{\"type\":\"Replace\",\"pattern\":%s,\"content\":\" \"}".formatted(pattern),
          "normalizer.pattern: expected one that replaces spaces");
    }
    assertPartRefused(
        "normalizer",
        "{\"type\":\"Prepend\",\"prepend\":\"%s\"}".formatted("a".repeat(1_000_000)),
        "normalizer: expected at most 262144 characters");
    assertPartRefused(
        "normalizer",
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"%s\"}"
            .formatted("a".repeat(1000)),
        "normalizer.content: expected at most 32 characters");
    assertPartRefused("normalizer", "[3]", "normalizer.type");
    assertPartRefused(
        "pre_tokenizer",
        "{\"type\":\"FixedLength\",\"length\":0}",
        "pre_tokenizer.type",
        "\"FixedLength\"");
    assertPartRefused(
        "pre_tokenizer",
        BYTES.replace("}", ",\"\\u001bfast\":true}"),
        "pre_tokenizer.\\u001bfast: expected no field of this name");
    assertPartRefused(
        "decoder",
        "{\"type\":\"Strip\",\"content\":\"a\",\"start\":1099511627776,\"stop\":0}",
        "decoder.start: expected 0 to 16, found 1099511627776");
    assertPartRefused(
        "decoder",
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaa\"}",
        "decoder.pattern");
    assertPartRefused("hidden", "1", "hidden: expected no field of this name");
  }

  @Test
  void modelsThatNoChatModelHas() {
    ObjectNode model = (ObjectNode) tokenizer.get("model");
    for (Map.Entry<String, String> change :
        Map.of(
                "continuing_subword_prefix", "\"\u00e9\"",
                "end_of_word_suffix", "\"aaaa\"",
                "type", "\"Unigram\"",
                "unk_id", "7",
                "fuse_unk", "[[[[]]]]",
                "merges", "[[\"a\", [\"b\"]]]",
                "vocab", "{\"a\": 4294967296}")
            .entrySet()) {
      ObjectNode changed = model.deepCopy();
      changed.set(change.getKey(), json(change.getValue()));
      assertPartRefused("model", changed.toString(), "model." + change.getKey() + ": expected");
    }
  }

  @Test
  void tokensBeyondTheModelAndTablesWithoutEnd() {
    ObjectNode vocabulary = (ObjectNode) tokenizer.get("model").get("vocab");
    vocabulary.put("beyond", VOCABULARY);
    assertRefused("model.vocab", "below 320", "320 of \"beyond\"");
    vocabulary.put("beyond", 1L << 40);
    assertRefused("model.vocab", "1099511627776 of \"beyond\"");
    vocabulary.put("beyond", 3);
    assertRefused("model.vocab: expected each id once, not 3 of \"beyond\"");
    vocabulary.remove("beyond");
    vocabulary.put("a".repeat(5000), 318);
    assertRefused("model.vocab: expected tokens of at most 1024 characters");
    vocabulary.remove("a".repeat(5000));
    ArrayNode added = (ArrayNode) tokenizer.get("added_tokens");
    ObjectNode token = ((ObjectNode) added.get(0)).deepCopy().put("content", "<far>");
    added.add(token.put("id", 1_000_000));
    assertRefused("added_tokens: expected ids of 0 to below 320", "1000000 of \"<far>\"");
    added.set(
        added.size() - 1, token.deepCopy().put("id", 318).put("content", "a".repeat(100_000)));
    assertRefused("added_tokens: expected at most 8192 characters");
  }

  @Test
  void objectsThatSayAThingTwiceOrGoTooDeep() throws IOException {
    String whole = Files.readString(file);
    String field = "\"normalizer\":";
    assertTrue(whole.contains(field));
    String hidden = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}";
    Files.writeString(file, whole.replace(field, field + hidden + "," + field));
    assertTrue(reading().contains("Duplicate field normalizer"), reading());
    Files.writeString(
        file, whole.replace(field + " null", field + "{\"type\":\"NFC\",\"type\":\"Nmt\"}"));
    assertTrue(reading().contains("Duplicate field 'type'"), reading());
    Files.writeString(
        file, whole.replace("\"model\": {", "\"model\": {\"continuing_subword_prefix\":\"x\","));
    assertTrue(reading().contains("Duplicate field model.continuing_subword_prefix"), reading());
    Files.writeString(file, whole.replace(field, field + "[".repeat(100_000)));
    assertTrue(reading().contains("nesting depth"), reading());
    Files.writeString(file, whole.replace(field, field + "\"" + "a".repeat(21_000_000) + "\","));
    assertTrue(reading().contains("String value length"), reading());
    try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
      large.setLength(65L << 20);
    }
    assertTrue(reading().contains("expected at most 64 MiB"), reading());
  }

  private String reading() {
    return assertThrows(
            IllegalArgumentException.class, () -> QwenTokenizer.read(folder, VOCABULARY))
        .getMessage();
  }

  /** Padding and cutting are transformers' at a call, not the file's. */
  @Test
  void lengthsThatAFileAsksForAreNotFollowed() {
    int[] plain = read().encodePrompt("is there a dog ?");
    tokenizer.set(
        "padding",
        json(
            "{\"strategy\":{\"Fixed\":1099511627776},\"direction\":\"Right\",\"pad_id\":0,"
                + "\"pad_to_multiple_of\":0,\"pad_type_id\":0,\"pad_token\":\"x\"}"));
    tokenizer.set(
        "truncation",
        json(
            "{\"max_length\":1,\"stride\":9,\"strategy\":\"LongestFirst\",\"direction\":\"Left\"}"));
    org.junit.jupiter.api.Assertions.assertArrayEquals(
        plain, read().encodePrompt("is there a dog ?"));
  }

  @Test
  void whatChangesTokensAfterwardsIsRefused() {
    for (String template :
        List.of("[]", "[{\"Sequence\":{\"id\":\"B\"}}]", "[%1$s,%1$s]".formatted(ONCE))) {
      tokenizer.set(
          "post_processor",
          json("{\"type\":\"TemplateProcessing\",\"single\":%s}".formatted(template)));
      assertRefused("post_processor: expected one that puts special tokens around");
    }
    String around =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|im_end|>\"}},%s]}";
    tokenizer.set("post_processor", json(sequence("processors", BYTES, around.formatted(ONCE))));
    assertEquals(VOCABULARY, read().vocabularySize());
  }

  private static final String ONCE = "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}";

  @Test
  void wayOfEveryPublishedFamily() {
    TokenizerPatterns.byFamily()
        .forEach(
            (family, patterns) ->
                patterns.forEach(
                    pattern -> {
                      tokenizer.set("pre_tokenizer", json(split(pattern)));
                      QwenTokenizer read = read();
                      String text = "It's 12 dogs \u00e9\u4e2d\n\n  AbC!";
                      assertEquals(text, read.decodeAnswer(read.encodeAnswer(text)), family);
                    }));
  }

  /** As transformers 5 writes them for these classes, for the parts that differ from Qwen2's. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        // Gemma 3
        "{'type':'Replace','pattern':{'String':'"
            + " '},'content':'\u2581'};{'type':'Split','pattern':{'String':'"
            + " '},'behavior':'MergedWithPrevious','invert':false};"
            + "{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':'\u2581'},'content':'"
            + " '},{'type':'ByteFallback'},{'type':'Fuse'}]}",
        // Llama 2, Phi 3, Mistral 0.1
        "{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'\u2581'},"
            + "{'type':'Replace','pattern':{'String':' '},'content':'\u2581'}]};null;"
            + "{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':'\u2581'},"
            + "'content':' '},{'type':'ByteFallback'},{'type':'Fuse'},"
            + "{'type':'Strip','content':' ','start':1,'stop':0}]}",
        // Mistral 0.3
        "null;{'type':'Metaspace','replacement':'\u2581','prepend_scheme':'first','split':false};"
            + "{'type':'Metaspace','replacement':'\u2581','prepend_scheme':'first','split':false}",
        // SmolLM 2
        "null;{'type':'Sequence','pretokenizers':[{'type':'Digits','individual_digits':true},"
            + "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,'use_regex':true}]};"
            + "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true,'use_regex':true}",
        // Falcon
        "{'type':'NFC'};{'type':'Sequence','pretokenizers':[{'type':'Punctuation','behavior':'Contiguous'},"
            + "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,'use_regex':true},"
            + "{'type':'Digits','individual_digits':false}]};null"
      })
  void partsOfPublishedFamilies(String normalizer, String preTokenizer, String decoder) {
    tokenizer.set("normalizer", json(normalizer.replace('\'', '"')));
    tokenizer.set("pre_tokenizer", json(preTokenizer.replace('\'', '"')));
    tokenizer.set("decoder", json(decoder.replace('\'', '"')));
    assertTrue(read().encodeAnswer("dogs").length > 1);
  }

  @Test
  void consentOpensWhatIsNotKnown() {
    tokenizer.set("pre_tokenizer", json("{\"type\":\"BertPreTokenizer\"}"));
    assertRefused("pre_tokenizer.type", "\"BertPreTokenizer\"");
    assertTrue(read(TokenizerTrust.TRUSTED).encodeAnswer("dogs").length > 1);
  }

  /** A run of ten million spaces ends the process with Qwen2's expression. */
  @Test
  void textsBeyondAllContextsAreRefused() {
    QwenTokenizer read = read();
    for (String text : List.of(" ".repeat(600_000), "\u4e2d".repeat(200_000))) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> read.encodePrompt(text)).getMessage();
      assertTrue(message.startsWith("expected a text of at most 524288 bytes"), message);
      // An excerpt of 200 characters and the sentence around it.
      assertTrue(message.length() < 400, message);
    }
  }
}
