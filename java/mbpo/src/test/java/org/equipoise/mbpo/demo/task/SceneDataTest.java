package org.equipoise.mbpo.demo.task;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SceneDataTest {
  private static final QuestionMix EVEN = new QuestionMix(0.25, 0.25, 0.25, 0.25);

  private final SceneData data = new SceneData(5);

  @Test
  void aSampleDependsOnSeedAndIndexOnly() {
    List<Sample> few = data.twins(20, EVEN, 0.7);
    List<Sample> many = new SceneData(5).twins(60, EVEN, 0.7);
    List<Sample> other = new SceneData(6).twins(20, EVEN, 0.7);
    int different = 0;
    for (int i = 0; i < few.size(); i++) {
      assertEquals(text(few.get(i)), text(many.get(i)));
      assertArrayEquals(pixels(few.get(i)), pixels(many.get(i)));
      different += Arrays.equals(pixels(few.get(i)), pixels(other.get(i))) ? 0 : 1;
    }
    assertEquals(few.size(), different);
  }

  @Test
  void twinsAskTheSameAboutScenesThatDifferInOneSpriteAndTheAnswerFlips() {
    List<Sample> samples = data.twins(400, EVEN, 0.7);
    Set<String> kinds = new HashSet<>();
    for (int i = 0; i < samples.size(); i += 2) {
      Sample first = samples.get(i);
      Sample second = samples.get(i + 1);
      kinds.add(first.kind());
      assertEquals(first.id(), second.twin());
      assertEquals(second.id(), first.twin());
      assertEquals(first.question(), second.question());
      assertEquals(first.options(), second.options());
      assertNotEquals(first.answer(), second.answer(), first.question());
      Set<String> left = new HashSet<>(first.objects());
      left.removeAll(second.objects());
      assertEquals(1, left.size(), first.objects() + " and " + second.objects());
      assertEquals(first.objects().size(), second.objects().size());
      int changed = changedQuadrants(pixels(first), pixels(second));
      assertEquals(1, changed, "quadrants that differ");
    }
    assertEquals(4, kinds.size());
  }

  @Test
  void poolNeverAsksForAHeldOutObjectBesideItsPartner() {
    Set<String> asked = new HashSet<>();
    for (Sample sample : data.twins(800, EVEN, 0.7)) {
      String[] words = sample.question().split(" ");
      if (sample.kind().equals(QuestionKind.YES_NO.id())) {
        assertFalse(object(words[2]).heldOut(), sample.question());
        asked.add(words[7]);
      } else if (sample.kind().equals(QuestionKind.MULTIPLE_CHOICE.id())) {
        assertFalse(object(words[3]).heldOut(), sample.question());
      }
    }
    assertEquals(SceneObject.all().size(), asked.size(), "objects asked about: " + asked);
  }

  @ParameterizedTest
  @EnumSource(EvaluationSplit.class)
  void goldAnswersAreWhatTheSceneShows(EvaluationSplit split) {
    for (boolean heldOut : new boolean[] {false, true}) {
      int yes = 0;
      List<Sample> samples = data.evaluation("test", split, heldOut, 200);
      for (Sample sample : samples) {
        switch (split.kind()) {
          case CAPTION -> assertEquals(String.join(" ", sample.objects()), sample.answer());
          case MULTIPLE_CHOICE -> {
            long present = sample.options().stream().filter(sample.objects()::contains).count();
            assertEquals(1, present);
            assertEquals(4, new HashSet<>(sample.options()).size());
            assertTrue(sample.objects().contains(sample.answer()));
          }
          case YES_NO, EXISTENCE -> {
            String[] words = sample.question().split(" ");
            String asked = words[words.length - 1];
            assertEquals(sample.objects().contains(asked) ? "yes" : "no", sample.answer());
            yes += sample.answer().equals("yes") ? 1 : 0;
          }
        }
      }
      if (split.kind() == QuestionKind.YES_NO || split.kind() == QuestionKind.EXISTENCE) {
        // 200 fair coins stay within 70..130 but once in 10^5.
        assertTrue(yes > 70 && yes < 130, split + ": " + yes + " of 200 are yes");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.95, 1})
  void partnersAreThereAsOftenAsAsked(double probability) {
    int there = 0;
    List<Sample> samples = data.fineTuning(1000, new QuestionMix(0, 0, 1, 0), probability);
    for (Sample sample : samples) {
      String main = sample.question().split(" ")[3];
      SceneObject partner = object(main).partner();
      there += sample.objects().contains(partner.word()) ? 1 : 0;
    }
    assertEquals(probability, there / 1000.0, 0.03);
  }

  @Test
  void stagesDrawDifferentScenes() {
    Sample development = data.evaluation("development", EvaluationSplit.CAPTION, false, 1).get(0);
    Sample test = data.evaluation("test", EvaluationSplit.CAPTION, false, 1).get(0);
    assertFalse(Arrays.equals(pixels(development), pixels(test)));
  }

  private static SceneObject object(String word) {
    return SceneObject.valueOf(word.toUpperCase(Locale.ROOT));
  }

  private static String text(Sample sample) {
    return sample.id() + sample.question() + sample.answer() + sample.objects() + sample.options();
  }

  private static byte[] pixels(Sample sample) {
    return sample.image().load().planes();
  }

  private static int changedQuadrants(byte[] first, byte[] second) {
    Set<Integer> quadrants = new HashSet<>();
    for (int i = 0; i < first.length; i++) {
      if (first[i] != second[i]) {
        int x = i % 32;
        int y = i / 32 % 32;
        quadrants.add(2 * (y / 16) + x / 16);
      }
    }
    return quadrants.size();
  }
}
