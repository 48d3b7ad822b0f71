package org.equipoise.mbpo.reward;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.junit.jupiter.api.Test;

class VerifiersTest {
  private static final ImageSource IMAGE = ImageSource.of(new RgbImage(1, 1, new byte[3]));

  private static Sample sample(String kind, String answer, String... options) {
    return Sample.of("s", IMAGE, "?", answer, kind).withOptions(List.of(options));
  }

  @Test
  void yesNoLooksAtWholeWords() {
    Sample no = sample("yn", "no");
    AnswerVerifier verifier = Verifiers.yesNo();
    assertTrue(verifier.correct(no, "No, there is none."));
    assertFalse(verifier.wellFormed(no, "I know nothing about it"));
    assertFalse(verifier.wellFormed(no, "yes and no"));
    assertFalse(verifier.correct(no, "yes"));
    assertFalse(verifier.wellFormed(no, "yesterday"));
    assertThrows(
        IllegalArgumentException.class, () -> verifier.correct(sample("yn", "maybe"), "no"));
  }

  @Test
  void multipleChoiceTakesTheOptionOrItsLetter() {
    Sample question = sample("mc", "cheese", "bone", "cheese", "a");
    AnswerVerifier verifier = Verifiers.multipleChoice();
    for (String right : List.of("cheese", "Cheese.", "b", "(B)", "b) cheese")) {
      assertTrue(verifier.correct(question, right), right);
    }
    for (String wrong : List.of("bone", "c", "b) bone", "cheesecake", "", "d", "b c")) {
      assertFalse(verifier.correct(question, wrong), wrong);
    }
    assertTrue(verifier.wellFormed(question, "a"), "an option that is a letter wins");
    assertTrue(verifier.correct(sample("mc", "a", "bone", "cheese", "a"), "a"));
    assertTrue(verifier.correct(sample("mc", "b", "bone", "cheese"), "cheese"));
    assertThrows(
        IllegalArgumentException.class, () -> verifier.correct(sample("mc", "x", "a", "b"), "a"));
  }

  @Test
  void optionsOfSignsAreOptions() {
    AnswerVerifier verifier = Verifiers.multipleChoice();
    Sample sign = sample("mc", "<", ">", "<");
    assertTrue(verifier.correct(sign, " < "));
    assertFalse(verifier.correct(sign, ">"));
    Sample minus = sample("mc", "-1", "+1", "-1");
    assertTrue(verifier.correct(minus, "-1"));
    assertFalse(verifier.correct(minus, "+1"));
    assertTrue(verifier.correct(minus, "B"));
  }

  @Test
  void exactComparesWords() {
    Sample question = sample("ex", "a dog's bone");
    assertTrue(Verifiers.exact().correct(question, "A dog's bone!"));
    assertFalse(Verifiers.exact().correct(question, "a dogs bone"));
    assertEquals(List.of("größe", "3", "dog's"), Verifiers.words("Größe: 3, 'dog's'"));
  }

  @Test
  void rewardIsFormatThenAccuracy() {
    VerifiedReward reward =
        VerifiedReward.formatAndAccuracy(Verifiers.byKind(Map.of("yn", Verifiers.yesNo())));
    Sample yes = sample("yn", "yes");
    assertEquals(2, reward.judge(yes, "yes").total());
    assertEquals(1, reward.judge(yes, "no").total());
    assertEquals(0, reward.judge(yes, "dog").total());
    assertThrows(IllegalArgumentException.class, () -> reward.judge(sample("mc", "a"), "a"));
  }
}
