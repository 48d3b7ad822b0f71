package org.equipoise.mbpo.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CaptionResultTest {
  private static final ObjectVocabulary VOCABULARY =
      ObjectVocabulary.of(
          Map.of(
              "dog", "dog", "dogs", "dog", "puppy", "dog", "hot dog", "hot dog", "cat", "cat",
              "cats", "cat", "bus", "bus"));

  private static CaptionResult.Item item(String caption, String... present) {
    return CaptionResult.Item.of("s", caption, List.of(present), VOCABULARY, AnswerMatching.WORDS);
  }

  @Test
  void countsMentionsByWholeWordsPluralsAndSynonyms() {
    CaptionResult.Item item = item("Two Dogs and a puppy, catalogued; a hot dog!", "dog", "cat");
    assertEquals(3, item.mentions(), "dogs, puppy, hot dog; catalogued is no cat");
    assertEquals(1, item.hallucinated(), "hot dog");
    assertEquals(1, item.recalled(), "dog once, however often mentioned");
    assertEquals(2, item.objects());
    assertEquals(9, item.words());
  }

  @Test
  void substringsCountWhateverContainsThem() {
    CaptionResult.Item item =
        CaptionResult.Item.of(
            "s",
            "Two Dogs and a puppy, catalogued; a hot dog!",
            List.of("dog", "cat"),
            VOCABULARY,
            AnswerMatching.SUBSTRING);
    assertEquals(6, item.mentions(), "dog twice, dogs, puppy, hot dog, cat in catalogued");
    assertEquals(1, item.hallucinated(), "hot dog");
    assertEquals(2, item.recalled(), "the cat of a catalogue");
  }

  @Test
  void metricsByDefinition() {
    CaptionResult result =
        new CaptionResult(
            List.of(item("dog bus bus", "dog", "cat"), item("cat", "cat"), item("nothing", "bus")));
    assertEquals(1.0 / 3, result.chairSentence(), 1e-12);
    assertEquals(2.0 / 4, result.chairInstance(), 1e-12);
    assertEquals(2.0 / 4, result.recall(), 1e-12);
    assertEquals(5.0 / 3, result.length(), 1e-12);
  }

  @Test
  void undefinedIsNaN() {
    CaptionResult silent = new CaptionResult(List.of(item("nothing", "dog")));
    assertEquals(Double.NaN, silent.chairInstance(), "no mention, nothing to be wrong about");
    assertEquals(0, silent.chairSentence());
    assertEquals(0, silent.recall());
    CaptionResult none = new CaptionResult(List.of());
    assertEquals(Double.NaN, none.chairSentence());
    assertEquals(Double.NaN, none.recall());
    assertEquals(Double.NaN, none.length());
  }

  @Test
  void anObjectOutsideTheVocabularyIsRefused() {
    assertEquals(
        "the image of sample s shows \"whale\", which the object vocabulary does not have",
        assertThrows(IllegalArgumentException.class, () -> item("dog", "whale")).getMessage());
  }
}
