package org.equipoise.mbpo.toy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.model.TextTokenizer;

/** Twenty words, one id each, in an order of its own; {@code <end>} is the last id. */
public final class ToyTokenizer implements TextTokenizer {
  private static final List<String> WORDS =
      List.of(
          "<photo>",
          "left",
          "right",
          "is",
          "red",
          "green",
          "blue",
          "gold",
          "?",
          ".",
          "what",
          "colour",
          "yes",
          "no",
          "and",
          "a",
          "b",
          "c",
          "describe",
          "<end>");

  @Override
  public int[] encodePrompt(String question) {
    return encode("<photo> " + question);
  }

  @Override
  public int[] encodeTextPrompt(String question) {
    return encode(question);
  }

  @Override
  public int[] encodeAnswer(String answer) {
    return encode(answer + " <end>");
  }

  @Override
  public String decodeAnswer(int[] ids) {
    List<String> words = new ArrayList<>();
    for (int id : ids) {
      if (id == endToken()) {
        break;
      }
      words.add(WORDS.get(id));
    }
    return String.join(" ", words);
  }

  @Override
  public int endToken() {
    return WORDS.size() - 1;
  }

  @Override
  public int vocabularySize() {
    return WORDS.size();
  }

  private static int[] encode(String text) {
    return Arrays.stream(text.trim().split(" +"))
        .mapToInt(
            word -> {
              int id = WORDS.indexOf(word);
              if (id < 0) {
                throw new IllegalArgumentException(
                    "\"" + word + "\" is not a word of the toy task");
              }
              return id;
            })
        .toArray();
  }
}
