package org.equipoise.mbpo.demo.task;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.RandomCursor;
import org.equipoise.mbpo.demo.scene.Scene;
import org.equipoise.mbpo.demo.scene.SceneComposer;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.random.KeyedRandom;

/**
 * The demonstration's data sets. Sample i of a set is a pure function of (seed, set, i), whatever
 * the set's size. Sets that several stages read are composed and drawn once. Thread-safe.
 */
public final class SceneData {
  private final long seed;
  private final Map<String, List<Sample>> remembered = new ConcurrentHashMap<>();

  public SceneData(long seed) {
    this.seed = seed;
  }

  /** Scenes alone, for the alignment of the vision tower. */
  public List<Scene> scenes(int count, double partnerProbability) {
    KeyedRandom random = KeyedRandom.of(seed, "scenes");
    List<Scene> scenes = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      RandomCursor cursor = new RandomCursor(random, i);
      scenes.add(SceneComposer.compose(cursor, cursor.pick(SceneObject.all()), partnerProbability));
    }
    return scenes;
  }

  /** Questions about all objects: what the start model is fine-tuned on. */
  public List<Sample> fineTuning(int count, QuestionMix mix, double partnerProbability) {
    return singles("sft", count, mix, partnerProbability, SceneObject.all());
  }

  /** Closed questions whose main objects are of trained pairs, for online groups. */
  public List<Sample> onlinePrompts(int count, QuestionMix mix, double partnerProbability) {
    return singles("online", count, mix, partnerProbability, SceneObject.ofPairs(false));
  }

  /** A preference pool of scenes by themselves. */
  public List<Sample> singles(int count, QuestionMix mix, double partnerProbability) {
    return singles("single", count, mix, partnerProbability, SceneObject.ofPairs(false));
  }

  /**
   * Twins: samples 2k and 2k+1 ask the same question about two scenes that differ in one sprite,
   * and the answers differ. Main objects are of trained pairs.
   */
  public List<Sample> twins(int count, QuestionMix mix, double partnerProbability) {
    return remembered.computeIfAbsent(
        "pool " + count + " " + mix + " " + partnerProbability,
        set -> composeTwins(count, mix, partnerProbability));
  }

  private List<Sample> composeTwins(int count, QuestionMix mix, double partnerProbability) {
    KeyedRandom random = KeyedRandom.of(seed, "pool");
    List<Sample> samples = new ArrayList<>(count);
    for (int i = 0; i < (count + 1) / 2; i++) {
      samples.addAll(
          TwinComposer.compose(new RandomCursor(random, i), "pool-" + i, mix, partnerProbability));
    }
    return Collections.unmodifiableList(samples);
  }

  /**
   * One evaluation split of trained or held-out pairs. {@code stage} separates development from
   * test.
   */
  public List<Sample> evaluation(String stage, EvaluationSplit split, boolean heldOut, int count) {
    String name = stage + "-" + split.id() + (heldOut ? "-held-out" : "-trained");
    return remembered.computeIfAbsent(
        name + " " + count, set -> composeEvaluation(name, split, heldOut, count));
  }

  private List<Sample> composeEvaluation(
      String name, EvaluationSplit split, boolean heldOut, int count) {
    KeyedRandom random = KeyedRandom.of(seed, name);
    List<Sample> samples = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      samples.add(split.compose(new RandomCursor(random, i), name + "-" + i, heldOut));
    }
    return Collections.unmodifiableList(samples);
  }

  private List<Sample> singles(
      String name, int count, QuestionMix mix, double partnerProbability, List<SceneObject> mains) {
    KeyedRandom random = KeyedRandom.of(seed, name);
    List<Sample> samples = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      samples.add(
          single(new RandomCursor(random, i), name + "-" + i, mix, partnerProbability, mains));
    }
    return samples;
  }

  private static Sample single(
      RandomCursor random,
      String id,
      QuestionMix mix,
      double partnerProbability,
      List<SceneObject> mains) {
    QuestionKind kind = mix.draw(random);
    SceneObject main = random.pick(mains);
    Scene scene = SceneComposer.compose(random, main, partnerProbability);
    return switch (kind) {
      case YES_NO -> Questions.yesNo(id, scene, main, askedBeside(random, scene, main, mains));
      case EXISTENCE -> Questions.existence(id, scene, askedAlone(random, scene, mains));
      case MULTIPLE_CHOICE -> {
        SceneObject answer =
            scene.shows(main.partner())
                ? main.partner()
                : random.pick(Questions.others(scene, main));
        yield Questions.multipleChoice(
            id, scene, main, Questions.options(random, scene, main, answer));
      }
      case CAPTION -> Questions.caption(id, scene);
    };
  }

  /** Half the time the partner, otherwise another object, present or absent with equal chance. */
  static SceneObject askedBeside(
      RandomCursor random, Scene scene, SceneObject main, List<SceneObject> askable) {
    if (random.chance(0.5)) {
      return main.partner();
    }
    boolean present = random.chance(0.5);
    List<SceneObject> candidates =
        askable.stream()
            .filter(o -> o != main && o != main.partner() && scene.shows(o) == present)
            .toList();
    if (candidates.isEmpty()) {
      candidates =
          askable.stream()
              .filter(o -> o != main && o != main.partner() && !scene.shows(o))
              .toList();
    }
    return random.pick(candidates);
  }

  /** A present or an absent object with equal chance. */
  static SceneObject askedAlone(RandomCursor random, Scene scene, List<SceneObject> askable) {
    boolean present = random.chance(0.5);
    return random.pick(askable.stream().filter(o -> scene.shows(o) == present).toList());
  }
}
