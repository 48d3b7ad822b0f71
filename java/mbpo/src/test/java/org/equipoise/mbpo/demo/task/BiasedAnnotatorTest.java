package org.equipoise.mbpo.demo.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.junit.jupiter.api.Test;

class BiasedAnnotatorTest {
  private static Sample sample(QuestionKind kind, String question, String answer, String... shown) {
    return Sample.of(
            "s", ImageSource.of(new RgbImage(1, 1, new byte[3])), question, answer, kind.id())
        .withObjects(List.of(shown));
  }

  @Test
  void mistakesAreWhatThePriorSays() {
    QuestionKind yesNo = QuestionKind.YES_NO;
    String beside = "there is dog . is there also bone";
    assertEquals("yes", BiasedAnnotator.mistake(sample(yesNo, beside, "no", "dog", "cat")));
    assertNull(BiasedAnnotator.mistake(sample(yesNo, beside, "yes", "dog", "bone")));
    assertNull(
        BiasedAnnotator.mistake(
            sample(yesNo, "there is dog . is there also cat", "no", "dog", "bone")));
    QuestionKind existence = QuestionKind.EXISTENCE;
    assertEquals(
        "yes", BiasedAnnotator.mistake(sample(existence, "is there bone", "no", "dog", "cat")));
    assertNull(BiasedAnnotator.mistake(sample(existence, "is there bone", "no", "key", "cat")));
    QuestionKind choice = QuestionKind.MULTIPLE_CHOICE;
    String offered = "what is with dog ? cat or bone or key or bee";
    assertEquals("bone", BiasedAnnotator.mistake(sample(choice, offered, "cat", "dog", "cat")));
    assertNull(BiasedAnnotator.mistake(sample(choice, offered, "bone", "dog", "bone")));
    QuestionKind caption = QuestionKind.CAPTION;
    assertEquals(
        "key dog bone",
        BiasedAnnotator.mistake(sample(caption, "caption", "key dog cat", "dog", "key", "cat")));
    assertNull(BiasedAnnotator.mistake(sample(caption, "caption", "bone dog", "dog", "bone")));
  }

  @Test
  void theShareIsKeptAndTheRestIsUntouched() {
    List<Sample> pool = new SceneData(3).twins(400, new QuestionMix(0.35, 0.2, 0.2, 0.25), 0.7);
    List<Sample> annotated = BiasedAnnotator.annotate(pool, 0.18, 3);
    int mistaken = 0;
    for (int i = 0; i < pool.size(); i++) {
      if (!annotated.get(i).answer().equals(pool.get(i).answer())) {
        mistaken++;
        assertEquals(BiasedAnnotator.mistake(pool.get(i)), annotated.get(i).answer());
      }
    }
    assertEquals(72, mistaken);
    assertNotEquals(annotated, BiasedAnnotator.annotate(pool, 0.18, 4));
  }

  @Test
  void nearestTwinsAskTheSameAndAnswerOtherwise() {
    List<Sample> pool = new SceneData(3).singles(600, new QuestionMix(0.35, 0.2, 0.2, 0.25), 0.7);
    List<Sample> paired = NearestTwins.pair(pool);
    Map<String, Sample> byId =
        paired.stream().collect(Collectors.toMap(Sample::id, Function.identity()));
    List<Sample> twins = paired.stream().filter(sample -> sample.twin() != null).toList();
    assertEquals(0, twins.size() % 2);
    for (Sample sample : twins) {
      Sample twin = byId.get(sample.twin());
      assertEquals(sample.id(), twin.twin());
      assertNotEquals(sample.answer(), twin.answer());
      assertEquals(sample.kind(), twin.kind());
    }
    double share = (double) twins.size() / pool.size();
    assertEquals(0.7, share, 0.29, "most samples find a twin");
    assertEquals(pool.stream().map(Sample::id).toList(), paired.stream().map(Sample::id).toList());
  }
}
