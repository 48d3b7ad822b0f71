package org.equipoise.mbpo.demo.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.model.TextTokenizer;

/**
 * One token per word. A prompt is the question alone: its last word predicts the answer. The
 * image's tokens stand before the text and are not part of the ids.
 */
public final class WordTokenizer implements TextTokenizer {
  static final String END = "<end>";
  static final String NOTHING = "<nothing>";

  private final List<String> words;
  private final Map<String, Integer> ids = new HashMap<>();

  WordTokenizer() {
    List<String> all =
        new ArrayList<>(
            List.of(
                END, NOTHING, "?", ".", "is", "there", "also", "what", "with", "or", "caption",
                "yes", "no"));
    SceneObject.all().forEach(object -> all.add(object.word()));
    words = List.copyOf(all);
    for (int i = 0; i < words.size(); i++) {
      ids.put(words.get(i), i);
    }
  }

  @Override
  public int[] encodePrompt(String question) {
    String[] parts = split(question);
    if (parts.length == 0) {
      throw new IllegalArgumentException("a prompt needs at least one word");
    }
    return ids(parts, parts.length);
  }

  @Override
  public int[] encodeAnswer(String answer) {
    String[] parts = split(answer);
    int[] encoded = ids(parts, parts.length + 1);
    encoded[parts.length] = endToken();
    return encoded;
  }

  private static String[] split(String text) {
    return text.isBlank() ? new String[0] : text.strip().split("\\s+");
  }

  private int[] ids(String[] parts, int length) {
    int[] encoded = new int[length];
    for (int i = 0; i < parts.length; i++) {
      encoded[i] = id(parts[i]);
    }
    return encoded;
  }

  /** Id of one word; unknown words are refused. */
  int id(String word) {
    Integer id = ids.get(word);
    if (id == null) {
      throw new IllegalArgumentException(
          "\"" + word + "\" is not in the vocabulary of " + words.size() + " words: " + words);
    }
    return id;
  }

  @Override
  public String decodeAnswer(int[] tokens) {
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      if (token == endToken()) {
        break;
      }
      text.append(text.isEmpty() ? "" : " ").append(words.get(token));
    }
    return text.toString();
  }

  @Override
  public int endToken() {
    return 0;
  }

  @Override
  public int vocabularySize() {
    return words.size();
  }
}
