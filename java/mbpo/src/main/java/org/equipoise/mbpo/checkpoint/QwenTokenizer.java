package org.equipoise.mbpo.checkpoint;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's {@code tokenizer.json} with Qwen's chat format:
 *
 * <pre>
 * &lt;|im_start|&gt;system
 * You are a helpful assistant.&lt;|im_end|&gt;
 * &lt;|im_start|&gt;user
 * &lt;|vision_start|&gt;&lt;|image_pad|&gt;&lt;|vision_end|&gt;QUESTION&lt;|im_end|&gt;
 * &lt;|im_start|&gt;assistant
 * </pre>
 *
 * An image has one placeholder; the model replaces it by as many as the image has tokens. The
 * checkpoint's own template is not run; a folder whose template is another one is refused.
 */
public final class QwenTokenizer implements TextTokenizer {
  private static final String SYSTEM = "You are a helpful assistant.";
  private static final String IMAGE = "<|vision_start|><|image_pad|><|vision_end|>";
  private static final String START = "<|im_start|>";
  private static final String END = "<|im_end|>";
  private static final List<String> MARKS = List.of(START, END, IMAGE, SYSTEM);

  static {
    // The library reports its use to its makers and may fetch files, unless told not to.
    for (String setting : List.of("OPT_OUT_TRACKING", "ai.djl.offline")) {
      if (System.getProperty(setting) == null) {
        System.setProperty(setting, "true");
      }
    }
  }

  private final HuggingFaceTokenizer tokenizer;
  private final int endToken;
  private final int vocabularySize;

  private QwenTokenizer(HuggingFaceTokenizer tokenizer, int endToken, int vocabularySize) {
    this.tokenizer = tokenizer;
    this.endToken = endToken;
    this.vocabularySize = vocabularySize;
  }

  /**
   * @param vocabularySize of the model, which may be larger than the tokenizer's
   */
  public static QwenTokenizer read(Path folder, int vocabularySize) {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(
          folder
              + ": expected tokenizer.json, found none; a folder with vocab.json and merges.txt"
              + " alone must be saved again with transformers' AutoTokenizer");
    }
    requireKnownTemplate(folder);
    HuggingFaceTokenizer tokenizer;
    try {
      tokenizer =
          HuggingFaceTokenizer.newInstance(
              file, Map.of("addSpecialTokens", "false", "padding", "false", "truncation", "false"));
    } catch (IOException | RuntimeException e) {
      throw new IllegalArgumentException(
          file + ": expected a tokenizer of Hugging Face's tokenizers, found: " + e.getMessage(),
          e);
    }
    long[] end = tokenizer.encode(END, false, false).getIds();
    if (end.length != 1) {
      throw new IllegalArgumentException(
          file + ": expected the special token " + END + ", found none of one id");
    }
    return new QwenTokenizer(tokenizer, (int) end[0], vocabularySize);
  }

  private static void requireKnownTemplate(Path folder) {
    String template = template(folder);
    for (String mark : MARKS) {
      if (template != null && !template.contains(mark)) {
        throw new IllegalArgumentException(
            folder
                + ": its chat template is not Qwen2-VL's, it lacks \""
                + mark
                + "\"; only that one is supported");
      }
    }
  }

  /** The template's text, or {@code null} where the folder has none. */
  private static @Nullable String template(Path folder) {
    Path jinja = folder.resolve("chat_template.jinja");
    if (Files.exists(jinja)) {
      return AtomicFiles.readText(jinja);
    }
    for (String name : List.of("chat_template.json", "tokenizer_config.json")) {
      Path file = folder.resolve(name);
      if (Files.exists(file)) {
        JsonNode template = Json.readObject(file).path("chat_template");
        if (template.isTextual()) {
          return template.asText();
        }
      }
    }
    return null;
  }

  @Override
  public int[] encodePrompt(String question) {
    return prompt(IMAGE + question);
  }

  @Override
  public int[] encodeTextPrompt(String question) {
    return prompt(question);
  }

  @Override
  public int[] encodePrompt(int images, String question) {
    return prompt(IMAGE.repeat(images) + question);
  }

  private int[] prompt(String content) {
    return encodePrompt(new Prompt(List.of(Turn.of(Role.USER, content))));
  }

  @Override
  public int[] encodePrompt(Prompt prompt) {
    StringBuilder text = new StringBuilder();
    if (prompt.turns().get(0).role() != Role.SYSTEM) {
      add(text, Turn.of(Role.SYSTEM, SYSTEM));
    }
    prompt.turns().forEach(turn -> add(text, turn));
    return ids(text + START + "assistant\n");
  }

  private static void add(StringBuilder text, Turn turn) {
    text.append(START).append(turn.role().name().toLowerCase(Locale.ROOT)).append('\n');
    text.append(String.join(IMAGE, turn.pieces())).append(END).append('\n');
  }

  @Override
  public int[] encodeAnswer(String answer) {
    int[] content = ids(answer);
    int[] ended = Arrays.copyOf(content, content.length + 1);
    ended[content.length] = endToken;
    return ended;
  }

  private int[] ids(String text) {
    return Arrays.stream(tokenizer.encode(text, false, false).getIds())
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  @Override
  public String decodeAnswer(int[] ids) {
    int length = 0;
    while (length < ids.length && ids[length] != endToken) {
      length++;
    }
    return tokenizer.decode(Arrays.stream(ids, 0, length).asLongStream().toArray(), true);
  }

  @Override
  public int endToken() {
    return endToken;
  }

  @Override
  public int vocabularySize() {
    return vocabularySize;
  }
}
