package org.equipoise.mbpo.demo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class WordTokenizerTest {
  private final WordTokenizer tokenizer = new WordTokenizer();

  @Test
  void answersComeBackWithoutTheEndToken() {
    int[] ids = tokenizer.encodeAnswer("dog bone");
    assertEquals(3, ids.length);
    assertEquals(tokenizer.endToken(), ids[2]);
    assertEquals("dog bone", tokenizer.decodeAnswer(ids));
    assertEquals("dog", tokenizer.decodeAnswer(new int[] {ids[0], tokenizer.endToken(), ids[1]}));
    assertArrayEquals(new int[] {tokenizer.endToken()}, tokenizer.encodeAnswer(""));
  }

  @Test
  void aPromptIsTheQuestionAlone() {
    int[] ids = tokenizer.encodePrompt("is there bone");
    assertEquals(3, ids.length);
    assertEquals(tokenizer.id("bone"), ids[2]);
    assertThrows(IllegalArgumentException.class, () -> tokenizer.encodePrompt(" "));
    assertTrue(Arrays.stream(ids).allMatch(id -> id > 0 && id < tokenizer.vocabularySize()));
  }

  @Test
  void anUnknownWordIsRefusedByName() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> tokenizer.encodeAnswer("dog unicorn"));
    assertTrue(refused.getMessage().startsWith("\"unicorn\" is not in the vocabulary"));
  }
}
