package org.equipoise.mbpo.demo.task;

import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.RandomCursor;
import org.equipoise.mbpo.demo.scene.Scene;
import org.equipoise.mbpo.demo.scene.SceneComposer;
import org.equipoise.mbpo.demo.scene.SceneObject;

/** What is measured. "Adversarial" splits are where the language prior and the picture disagree. */
public enum EvaluationSplit {
  /** Is a random object there beside the main one? Partner present in half the scenes. */
  RANDOM("rnd", QuestionKind.YES_NO, 0.5),
  /** Is the partner there? It is in half the scenes, so the text alone has no answer. */
  ADVERSARIAL("adv", QuestionKind.YES_NO, 0.5),
  /** What is beside the main object? Partner present in half the scenes. */
  MULTIPLE_CHOICE("mc", QuestionKind.MULTIPLE_CHOICE, 0.5),
  /** The same where the partner is offered but absent. */
  MULTIPLE_CHOICE_ADVERSARIAL("mcadv", QuestionKind.MULTIPLE_CHOICE, 0),
  /** Is an object there? Partner present in half the scenes. */
  EXISTENCE("ex", QuestionKind.EXISTENCE, 0.5),
  /** Partners are absent: is a shown object there, or the missing partner of one? */
  EXISTENCE_ADVERSARIAL("exadv", QuestionKind.EXISTENCE, 0),
  /** Captions of scenes without the partner. */
  CAPTION("cap", QuestionKind.CAPTION, 0);

  private final String id;
  private final QuestionKind kind;
  private final double partnerProbability;

  EvaluationSplit(String id, QuestionKind kind, double partnerProbability) {
    this.id = id;
    this.kind = kind;
    this.partnerProbability = partnerProbability;
  }

  public String id() {
    return id;
  }

  public QuestionKind kind() {
    return kind;
  }

  /** Whether the prior's answer is the partner throughout, so that answers show who wins. */
  public boolean contradictsPrior() {
    return this == ADVERSARIAL || this == MULTIPLE_CHOICE_ADVERSARIAL || this == CAPTION;
  }

  /** The splits that ask questions of one kind. */
  public static List<EvaluationSplit> of(QuestionKind kind) {
    return Arrays.stream(values()).filter(split -> split.kind == kind).toList();
  }

  Sample compose(RandomCursor random, String sampleId, boolean heldOut) {
    List<SceneObject> mains = SceneObject.ofPairs(heldOut);
    SceneObject main = random.pick(mains);
    Scene scene = SceneComposer.compose(random, main, partnerProbability);
    return switch (this) {
      case RANDOM -> {
        boolean present = random.chance(0.5);
        SceneObject asked =
            random.pick(
                SceneObject.all().stream()
                    .filter(o -> o != main && scene.shows(o) == present)
                    .toList());
        yield Questions.yesNo(sampleId, scene, main, asked);
      }
      case ADVERSARIAL -> Questions.yesNo(sampleId, scene, main, main.partner());
      case MULTIPLE_CHOICE, MULTIPLE_CHOICE_ADVERSARIAL -> {
        SceneObject answer =
            scene.shows(main.partner())
                ? main.partner()
                : random.pick(Questions.others(scene, main));
        yield Questions.multipleChoice(
            sampleId, scene, main, Questions.options(random, scene, main, answer));
      }
      case EXISTENCE -> {
        boolean present = random.chance(0.5);
        List<SceneObject> askable =
            present ? List.of(main) : mains.stream().filter(o -> !scene.shows(o)).toList();
        yield Questions.existence(sampleId, scene, random.pick(askable));
      }
      case EXISTENCE_ADVERSARIAL ->
          Questions.existence(sampleId, scene, random.chance(0.5) ? main : main.partner());
      case CAPTION -> Questions.caption(sampleId, scene);
    };
  }
}
