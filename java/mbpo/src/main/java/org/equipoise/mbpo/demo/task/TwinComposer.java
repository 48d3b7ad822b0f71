package org.equipoise.mbpo.demo.task;

import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.RandomCursor;
import org.equipoise.mbpo.demo.scene.Scene;
import org.equipoise.mbpo.demo.scene.SceneComposer;
import org.equipoise.mbpo.demo.scene.SceneObject;

/**
 * Draws complementary samples: one question about two scenes with the same layout, background and
 * noise, in which one sprite is exchanged so that the answer differs. Only looking tells them
 * apart. The main object is of a trained pair, so no question asks for one of a held-out pair
 * beside the other; single held-out objects are asked about.
 */
final class TwinComposer {
  private TwinComposer() {}

  static List<Sample> compose(
      RandomCursor random, String id, QuestionMix mix, double partnerProbability) {
    QuestionKind kind = mix.draw(random);
    SceneObject main = random.pick(SceneObject.ofPairs(false));
    Scene scene = SceneComposer.compose(random, main, partnerProbability);
    return switch (kind) {
      case YES_NO -> {
        SceneObject asked = SceneData.askedBeside(random, scene, main, SceneObject.all());
        Scene twin = toggled(random, scene, asked, Questions.others(scene, main));
        yield twins(
            Questions.yesNo(first(id), scene, main, asked),
            Questions.yesNo(second(id), twin, main, asked));
      }
      case EXISTENCE -> {
        SceneObject asked = SceneData.askedAlone(random, scene, SceneObject.all());
        Scene twin = toggled(random, scene, asked, scene.objects());
        yield twins(
            Questions.existence(first(id), scene, asked),
            Questions.existence(second(id), twin, asked));
      }
      case MULTIPLE_CHOICE -> {
        SceneObject answer =
            scene.shows(main.partner())
                ? main.partner()
                : random.pick(Questions.others(scene, main));
        List<SceneObject> options = Questions.options(random, scene, main, answer);
        SceneObject other =
            answer == main.partner()
                ? random.pick(options.stream().filter(o -> o != answer).toList())
                : main.partner();
        yield twins(
            Questions.multipleChoice(first(id), scene, main, options),
            Questions.multipleChoice(second(id), scene.withSwapped(answer, other), main, options));
      }
      case CAPTION -> {
        SceneObject gone =
            scene.shows(main.partner())
                ? main.partner()
                : random.pick(Questions.others(scene, main));
        SceneObject entering =
            gone == main.partner() ? stranger(random, scene, main.partner()) : main.partner();
        yield twins(
            Questions.caption(first(id), scene),
            Questions.caption(second(id), scene.withSwapped(gone, entering)));
      }
    };
  }

  /** Exchanges the asked object for a stranger, or one of {@code movable} for the asked object. */
  private static Scene toggled(
      RandomCursor random, Scene scene, SceneObject asked, List<SceneObject> movable) {
    return scene.shows(asked)
        ? scene.withSwapped(asked, stranger(random, scene, asked))
        : scene.withSwapped(random.pick(movable), asked);
  }

  /** An absent object whose partner stays absent when {@code gone} leaves. */
  private static SceneObject stranger(RandomCursor random, Scene scene, SceneObject gone) {
    return random.pick(
        Questions.absent(scene).stream()
            .filter(o -> o != gone && (!scene.shows(o.partner()) || o.partner() == gone))
            .toList());
  }

  private static List<Sample> twins(Sample first, Sample second) {
    return List.of(first.withTwin(second.id()), second.withTwin(first.id()));
  }

  private static String first(String id) {
    return id + "a";
  }

  private static String second(String id) {
    return id + "b";
  }
}
