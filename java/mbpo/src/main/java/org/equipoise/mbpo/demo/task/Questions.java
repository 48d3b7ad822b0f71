package org.equipoise.mbpo.demo.task;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.RandomCursor;
import org.equipoise.mbpo.demo.scene.Scene;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.demo.scene.SceneRenderer;
import org.equipoise.mbpo.image.ImageSource;

/** Question texts and the samples made of a scene and a question. */
final class Questions {
  static final int OPTIONS = 4;
  static final String CAPTION = "caption";

  private Questions() {}

  /** Is {@code asked} there beside {@code main}? */
  static Sample yesNo(String id, Scene scene, SceneObject main, SceneObject asked) {
    String question = "there is " + main.word() + " . is there also " + asked.word();
    return sample(id, scene, question, yesOrNo(scene, asked), QuestionKind.YES_NO);
  }

  static Sample existence(String id, Scene scene, SceneObject asked) {
    String question = "is there " + asked.word();
    return sample(id, scene, question, yesOrNo(scene, asked), QuestionKind.EXISTENCE);
  }

  /** Which of the options is there beside {@code main}? Exactly one of them must be. */
  static Sample multipleChoice(
      String id, Scene scene, SceneObject main, List<SceneObject> options) {
    List<SceneObject> present = options.stream().filter(scene::shows).toList();
    if (present.size() != 1) {
      throw new IllegalArgumentException(
          "exactly one option must be in the scene " + scene.objects() + ", found " + options);
    }
    List<String> words = options.stream().map(SceneObject::word).toList();
    String question = "what is with " + main.word() + " ? " + String.join(" or ", words);
    return sample(id, scene, question, present.get(0).word(), QuestionKind.MULTIPLE_CHOICE)
        .withOptions(words);
  }

  static Sample caption(String id, Scene scene) {
    return sample(id, scene, CAPTION, scene.caption(), QuestionKind.CAPTION);
  }

  /** The right answer and the partner (always offered), filled up with absent objects, shuffled. */
  static List<SceneObject> options(
      RandomCursor random, Scene scene, SceneObject main, SceneObject answer) {
    List<SceneObject> options = new ArrayList<>(List.of(answer));
    if (answer != main.partner()) {
      options.add(main.partner());
    }
    List<SceneObject> absent = absent(scene);
    while (options.size() < OPTIONS) {
      SceneObject candidate = random.pick(absent);
      if (!options.contains(candidate)) {
        options.add(candidate);
      }
    }
    random.shuffle(options);
    return options;
  }

  /** Objects that are not in the scene. */
  static List<SceneObject> absent(Scene scene) {
    return SceneObject.all().stream().filter(object -> !scene.shows(object)).toList();
  }

  /** Objects in the scene other than {@code main}. */
  static List<SceneObject> others(Scene scene, SceneObject main) {
    return scene.objects().stream().filter(object -> object != main).toList();
  }

  private static String yesOrNo(Scene scene, SceneObject asked) {
    return scene.shows(asked) ? "yes" : "no";
  }

  private static Sample sample(
      String id, Scene scene, String question, String answer, QuestionKind kind) {
    ImageSource image = ((ImageSource) () -> SceneRenderer.render(scene)).cached();
    List<String> words =
        scene.objects().stream().map(SceneObject::word).collect(Collectors.toList());
    return Sample.of(id, image, question, answer, kind.id()).withObjects(words);
  }
}
