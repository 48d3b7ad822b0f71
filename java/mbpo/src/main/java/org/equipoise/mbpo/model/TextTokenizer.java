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

  /** Prompt ids of turns, with a placeholder where each image stands. */
  default int[] encodePrompt(Prompt prompt) {
    if (!prompt.isPlain()) {
      throw new UnsupportedOperationException(
          getClass().getSimpleName()
              + " has prompts of one question with the images before it only, found "
              + prompt.turns().size()
              + " turns or an image inside a text");
    }
    return prompt.images() == 0
        ? encodeTextPrompt(prompt.question())
        : encodePrompt(prompt.images(), prompt.question());
  }

  /** Answer ids, ending with {@link #endToken()}. */
  int[] encodeAnswer(String answer);

  /** Text of answer ids, up to the first end token. */
  String decodeAnswer(int[] ids);

  int endToken();

  int vocabularySize();
}
