package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** JSON text of records and trees: one mapper, so that the same value is always the same bytes. */
public final class Json {
  /** Reads records strictly: unknown fields and missing creator values of primitives are errors. */
  public static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final int LONGEST_PROBLEM = 200;

  /** Of the files beside a checkpoint's weights; the largest indices have some ten MB. */
  private static final int MOST_BYTES = 1 << 26;

  /** What the parser says about itself, and what is said instead. */
  private static final Map<Pattern, String> PARSER_TALK = parserTalk();

  private Json() {}

  private static Map<Pattern, String> parserTalk() {
    Map<Pattern, String> rules = new LinkedHashMap<>();
    rules.put(Pattern.compile("\\s*\\(start marker at \\[Source:[^\\]]*]\\)"), "");
    rules.put(Pattern.compile("\\s*\\[Source:[^\\]]*]"), "");
    rules.put(Pattern.compile(" *\\(bound as `[^`]*`\\)|: not allowed as per `[^`]*`"), "");
    rules.put(Pattern.compile("enable `[^`]*` to allow"), "JSON has no such value");
    rules.put(Pattern.compile(",? *\\(?from `[^`]*`"), "");
    rules.put(Pattern.compile(" *\\(?`(JsonReadFeature|StreamReadFeature)[^`]*`\\)?"), "");
    return rules;
  }

  /** UTF-8 JSON of a record or tree. */
  public static byte[] bytes(Object value) {
    return text(value).getBytes(StandardCharsets.UTF_8);
  }

  /** JSON of a record or tree on one line. */
  public static String text(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("cannot write " + value.getClass() + " as JSON", e);
    }
  }

  /** What is wrong with JSON text, in a sentence of bounded length and without the parser's own. */
  public static String problem(JsonProcessingException e) {
    String whole = e.getOriginalMessage();
    // Names in it may have ten thousands of characters, which the rules would look at again and
    // again.
    String message =
        whole
            .substring(0, Math.min(whole.length(), 10 * LONGEST_PROBLEM))
            .lines()
            .findFirst()
            .orElse("");
    for (Map.Entry<Pattern, String> rule : PARSER_TALK.entrySet()) {
      message = rule.getKey().matcher(message).replaceAll(rule.getValue());
    }
    return Excerpt.of(message);
  }

  /** Reads a whole file as one value; an error names the file, line and column. */
  public static <T> T read(Path file, Class<T> type) {
    try {
      return MAPPER.readValue(AtomicFiles.readText(file), type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          file
              + ":"
              + (e.getLocation() == null ? 1 : e.getLocation().getLineNr())
              + ": expected "
              + type.getSimpleName()
              + " as JSON, found: "
              + problem(e),
          e);
    }
  }

  /** Reads a whole file that must hold an object; an error names the file. */
  public static JsonNode readObject(Path file) {
    JsonNode node;
    String text = AtomicFiles.readText(file, MOST_BYTES);
    LfsPointer.refuse(file, text);
    try {
      node = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          file
              + ":"
              + (e.getLocation() == null ? 1 : e.getLocation().getLineNr())
              + ": expected a JSON object, found: "
              + problem(e),
          e);
    }
    if (!node.isObject()) {
      throw new IllegalArgumentException(
          file + ": expected a JSON object, found " + node.getNodeType());
    }
    return node;
  }
}
