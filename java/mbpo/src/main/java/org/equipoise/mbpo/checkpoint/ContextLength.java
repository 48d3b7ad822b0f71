package org.equipoise.mbpo.checkpoint;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.equipoise.mbpo.qwen.QwenConfig;

/**
 * How long a prompt with its images and an answer may be together. What is longer was never meant
 * for the model, and takes time and memory that grow with its square.
 *
 * @param tokens at most so many
 * @param source the file and the field that say so; {@code model_max_length} of a tokenizer is no
 *     such field: transformers does not obey it either, and trainers write their own there
 */
public record ContextLength(int tokens, String source) {
  /** Texts have about four; longer ones are not even made into tokens, as that takes memory. */
  private static final int MOST_BYTES_PER_TOKEN = 16;

  /** Whatever a file says of its model. */
  private static final long LONGEST_TEXT = 1 << 22;

  static ContextLength of(Path folder, QwenConfig config) {
    return new ContextLength(
        config.text().contextLength(), "max_position_embeddings of " + folder + "/config.json");
  }

  /**
   * Refuses a text that cannot fit, before it is made into tokens.
   *
   * @param name what the text is, for the error
   */
  public void requireText(String name, String text) {
    long most = Math.min(LONGEST_TEXT, (long) MOST_BYTES_PER_TOKEN * tokens);
    // No character has fewer bytes than one for each of its chars.
    long bytes =
        text.length() > most ? text.length() : text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > most) {
      throw new IllegalArgumentException(
          name
              + ": expected a text of at most "
              + most
              + " bytes, which the "
              + tokens
              + " tokens hold that "
              + source
              + " allows, found one of "
              + bytes);
    }
  }

  /**
   * Refuses a prompt whose answer does not fit behind it.
   *
   * @param name what the prompt is, for the error
   * @param prompt its tokens, with those of its images
   * @param answer most tokens of an answer
   */
  public void require(String name, long prompt, long answer) {
    if (prompt + answer > tokens) {
      throw new IllegalArgumentException(
          name
              + ": has "
              + prompt
              + " tokens with its images, and "
              + answer
              + " of an answer; expected at most "
              + tokens
              + " together, as "
              + source
              + " says");
    }
  }
}
