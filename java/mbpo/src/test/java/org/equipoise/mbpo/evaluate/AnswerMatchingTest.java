package org.equipoise.mbpo.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.junit.jupiter.api.Test;

class AnswerMatchingTest {
  @Test
  void wordsAreWholeAndSubstringsAreNot() {
    assertNull(AnswerMatching.WORDS.yesOrNo("I know."));
    assertEquals(false, AnswerMatching.SUBSTRING.yesOrNo("I know."));
    assertEquals(true, AnswerMatching.WORDS.yesOrNo("Yes, I know"));
    assertEquals(false, AnswerMatching.SUBSTRING.yesOrNo("Yes, I know"));
    assertEquals(true, AnswerMatching.SUBSTRING.yesOrNo("Yes."));
    assertNull(AnswerMatching.WORDS.yesOrNo("yes and no"));
    assertNull(AnswerMatching.SUBSTRING.yesOrNo("perhaps"));
  }

  @Test
  void anOptionInsideAnotherWordCountsOnlyAsSubstring() {
    Sample sample =
        Sample.of("s", ImageSource.of(new RgbImage(1, 1, new byte[3])), "which ?", "cat", "mc")
            .withOptions(List.of("cat", "dog"));
    assertTrue(AnswerMatching.WORDS.chooses(sample, "cat"));
    assertFalse(AnswerMatching.WORDS.chooses(sample, "a catalogue"));
    assertTrue(AnswerMatching.SUBSTRING.chooses(sample, "a Catalogue"));
    assertTrue(AnswerMatching.SUBSTRING.chooses(sample, "a"), "the letter of the option");
  }

  /** The letter of an option is inside nearly every word. */
  @Test
  void aLetterAsTheGoldAnswerStandsByItself() {
    Sample sample =
        Sample.of("s", ImageSource.of(new RgbImage(1, 1, new byte[3])), "which ?", "B", "mc")
            .withOptions(List.of("cat", "hot dog", "7"));
    for (AnswerMatching matching : AnswerMatching.values()) {
      assertFalse(matching.chooses(sample, "A big rabbit in the grass"), matching.toString());
      assertFalse(matching.chooses(sample, "A cat"), matching.toString());
      assertTrue(matching.chooses(sample, "B"), matching.toString());
      assertTrue(matching.chooses(sample, "b) hot dog"), matching.toString());
    }
    assertTrue(AnswerMatching.SUBSTRING.chooses(sample, "The answer is B."));
    assertTrue(AnswerMatching.SUBSTRING.chooses(sample, "It is (B), I think"));
    assertTrue(AnswerMatching.SUBSTRING.chooses(sample, "surely a hot dog"), "the option's text");
    assertFalse(AnswerMatching.WORDS.chooses(sample, "surely a hot dog"));
    Sample digit = sample.withAnswer("C");
    assertTrue(AnswerMatching.SUBSTRING.chooses(digit, "there are 7."));
    assertFalse(AnswerMatching.SUBSTRING.chooses(digit, "there are 17."));
    assertFalse(AnswerMatching.SUBSTRING.chooses(sample.withAnswer("A"), "A dog is there"));
  }
}
