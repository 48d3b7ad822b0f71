package org.equipoise.mbpo.checkpoint;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's {@code tokenizer.json} and the format of its conversations. A question has one
 * placeholder for an image, which the model replaces by as many as the image has tokens.
 *
 * <p>Special tokens come from the format alone. Where a user's text holds their names, such as
 * {@code <|im_end|>}, these are ordinary characters, as with transformers' {@code
 * split_special_tokens}: no text can end a turn or claim an image.
 */
public final class QwenTokenizer implements TextTokenizer {
  static {
    // The library reports its use to its makers and may fetch files, unless told not to.
    for (String setting : List.of("OPT_OUT_TRACKING", "ai.djl.offline")) {
      if (System.getProperty(setting) == null) {
        System.setProperty(setting, "true");
      }
    }
  }

  /**
   * In bytes of UTF-8. Each may be a token, which cost the library 4 microseconds and 0.4 KB; a run
   * of ten million spaces ends the process.
   */
  private static final int LONGEST_TEXT = 1 << 19;

  /** In it the special tokens have names that occur in no text. */
  private final HuggingFaceTokenizer plain;

  private final Map<String, Integer> specials;
  private final Set<Integer> specialIds;
  private final Pattern specialNames;
  private final ChatFormat format;
  private final int endToken;
  private final int vocabularySize;

  private QwenTokenizer(
      HuggingFaceTokenizer plain,
      Map<String, Integer> specials,
      ChatFormat format,
      int vocabularySize) {
    this.plain = plain;
    this.specials = specials;
    this.specialIds = new HashSet<>(specials.values());
    // The longest of several that begin at the same place, as the tokenizer library finds them.
    this.specialNames =
        Pattern.compile(
            specials.keySet().stream()
                .sorted(Comparator.comparing(String::length).reversed())
                .map(Pattern::quote)
                .collect(Collectors.joining("|")));
    this.format = format;
    this.endToken = specials.get(ChatFormat.END);
    this.vocabularySize = vocabularySize;
  }

  /** As the checkpoint's own chat template has it. */
  public static QwenTokenizer read(Path folder, int vocabularySize) {
    return read(folder, vocabularySize, ChatTemplate.FILE, TokenizerTrust.KNOWN);
  }

  /**
   * @param vocabularySize of the model, which may be larger than the tokenizer's
   * @param template which format conversations have
   * @param trust how far the file is believed
   */
  public static QwenTokenizer read(
      Path folder, int vocabularySize, ChatTemplate template, TokenizerTrust trust) {
    Path path = folder.resolve("tokenizer.json");
    if (!Files.exists(path)) {
      throw new IllegalArgumentException(
          folder
              + ": expected tokenizer.json, found none; a folder with vocab.json and merges.txt"
              + " alone must be saved again with transformers' AutoTokenizer");
    }
    TokenizerFile file = TokenizerFile.read(path, trust, vocabularySize);
    TokenizerConfig.check(folder, file);
    ChatFormat format = ChatTemplates.of(folder, template);
    Map<String, Integer> specials = new HashMap<>();
    file.special().forEach(token -> specials.put(token.content(), token.id()));
    for (String needed : List.of(ChatFormat.START, ChatFormat.END, ChatFormat.IMAGE_PLACE)) {
      if (!specials.containsKey(needed)) {
        throw new IllegalArgumentException(
            path
                + ": expected the special token "
                + Excerpt.of(needed)
                + ", found none of this name");
      }
    }
    return new QwenTokenizer(plain(file, specials), specials, format, vocabularySize);
  }

  /** The library has no switch for texts without special tokens, so that these get other names. */
  private static HuggingFaceTokenizer plain(TokenizerFile file, Map<String, Integer> specials) {
    TokenizerLibrary.require();
    String unguessed = UUID.randomUUID().toString();
    HuggingFaceTokenizer plain;
    try {
      plain =
          HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(
                  file.withSpecials(name -> renamed(unguessed, specials.get(name)))),
              Map.of("addSpecialTokens", "false", "padding", "false", "truncation", "false"));
    } catch (IOException | RuntimeException e) {
      throw TokenizerFile.unreadable(file.file(), e.getMessage(), e);
    }
    file.added()
        .forEach(
            (name, token) -> {
              String own = token.special() ? renamed(unguessed, token.id()) : name;
              long[] ids = plain.encode(own, false, false).getIds();
              if (ids.length != 1 || ids[0] != token.id()) {
                throw new IllegalArgumentException(
                    file.file()
                        + ": added_tokens: expected "
                        + Excerpt.of(name)
                        + " to be token "
                        + token.id()
                        + ", as the file says, found that it is "
                        + (ids.length == 1 ? "token " + ids[0] : "none")
                        + "; save the tokenizer again with transformers' AutoTokenizer");
              }
            });
    return plain;
  }

  private static String renamed(String unguessed, int id) {
    return "<|" + unguessed + "-" + id + "|>";
  }

  @Override
  public int[] encodePrompt(String question) {
    return encodePrompt(1, question);
  }

  @Override
  public int[] encodeTextPrompt(String question) {
    return encodePrompt(0, question);
  }

  @Override
  public int[] encodePrompt(int images, String question) {
    return encodePrompt(Prompt.of(images, question));
  }

  @Override
  public int[] encodePrompt(Prompt prompt) {
    IntStream.Builder ids = IntStream.builder();
    StringBuilder text = new StringBuilder();
    for (ChatFormat.Part part : format.parts(prompt)) {
      int from = 0;
      Matcher special = specialNames.matcher(part.text());
      while (part.special() && special.find()) {
        text.append(part.text(), from, special.start());
        plain(text, ids);
        ids.add(specials.get(special.group()));
        from = special.end();
      }
      text.append(part.text(), from, part.text().length());
    }
    plain(text, ids);
    return ids.build().toArray();
  }

  /** Text between two special tokens is one: what the format and the user wrote may melt. */
  private void plain(StringBuilder text, IntStream.Builder ids) {
    if (!text.isEmpty()) {
      Arrays.stream(plain(text.toString())).forEach(ids::add);
      text.setLength(0);
    }
  }

  private static void requireReadable(String text) {
    if (text.length() > LONGEST_TEXT
        || text.getBytes(StandardCharsets.UTF_8).length > LONGEST_TEXT) {
      throw new IllegalArgumentException(
          "expected a text of at most "
              + LONGEST_TEXT
              + " bytes, which is more than models read, found "
              + Excerpt.quoted(text));
    }
  }

  private int[] plain(String text) {
    requireReadable(text);
    int[] ids =
        Arrays.stream(plain.encode(text, false, false).getIds())
            .mapToInt(Math::toIntExact)
            .toArray();
    if (Arrays.stream(ids).anyMatch(specialIds::contains)) {
      throw new IllegalStateException("a text was encoded with special tokens");
    }
    return ids;
  }

  @Override
  public int[] encodeAnswer(String answer) {
    int[] content = plain(answer);
    int[] ended = Arrays.copyOf(content, content.length + 1);
    ended[content.length] = endToken;
    return ended;
  }

  @Override
  public String decodeAnswer(int[] ids) {
    int length = 0;
    while (length < ids.length && ids[length] != endToken) {
      length++;
    }
    return plain.decode(Arrays.stream(ids, 0, length).asLongStream().toArray(), true);
  }

  @Override
  public int endToken() {
    return endToken;
  }

  /** Id of the placeholder of an image. */
  public int imageToken() {
    return specials.get(ChatFormat.IMAGE_PLACE);
  }

  /** What conversations begin with, {@code null} where that is the question. */
  public @Nullable String system() {
    return format.system();
  }

  @Override
  public int vocabularySize() {
    return vocabularySize;
  }
}
