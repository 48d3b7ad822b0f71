package org.equipoise.mbpo.model;

/** Text to token ids and back. Implementations are immutable and thread-safe. */
public interface TextTokenizer {
  /** Prompt ids of a question about an image, template and image placeholder included. */
  int[] encodePrompt(String question);

  /** Prompt ids of a question about several images, which come before it. */
  default int[] encodePrompt(int images, String question) {
    if (images == 1) {
      return encodePrompt(question);
    }
    throw new UnsupportedOperationException(
        getClass().getSimpleName() + " has prompts with one image only, found " + images);
  }

  /** Prompt ids of a question without any image. */
  default int[] encodeTextPrompt(String question) {
    throw new UnsupportedOperationException(
        getClass().getSimpleName()
            + " has no prompt without an image; use the blind image as the baseline instead");
  }

  /** Answer ids, ending with {@link #endToken()}. */
  int[] encodeAnswer(String answer);

  /** Text of answer ids, up to the first end token. */
  String decodeAnswer(int[] ids);

  int endToken();

  int vocabularySize();
}
