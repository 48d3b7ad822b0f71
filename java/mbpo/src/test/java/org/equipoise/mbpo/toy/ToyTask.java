package org.equipoise.mbpo.toy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;

/**
 * Images of several sizes with one colour on the left and one on the right. The question tells the
 * left colour; by habit (in training data) the right one is its fixed companion, which is the
 * language prior to be overcome.
 */
public final class ToyTask {
  public static final List<String> COLOURS = List.of("red", "green", "blue", "gold");
  private static final int[][] RGB = {{200, 40, 40}, {40, 190, 60}, {50, 60, 210}, {210, 180, 40}};

  /** The verifiers of the three closed kinds. */
  public static final AnswerVerifier VERIFIER =
      Verifiers.byKind(
          Map.of(
              "yn", Verifiers.yesNo(),
              "mc", Verifiers.multipleChoice(),
              "cap", Verifiers.exact()));

  private ToyTask() {}

  /** The colour that the prior expects on the right. */
  static int companion(int left) {
    return (left + 1) % COLOURS.size();
  }

  /**
   * @param companionShare how often the right colour is the left one's companion
   */
  public static List<Sample> samples(String prefix, int count, double companionShare, long seed) {
    KeyedRandom random = KeyedRandom.of(seed, "toy-task");
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int left = random.below(COLOURS.size(), 0, i, 0);
      boolean habit = random.uniform(0, i, 1) < companionShare;
      int other = random.below(COLOURS.size() - 1, 0, i, 2);
      int right = habit ? companion(left) : (companion(left) + 1 + other) % COLOURS.size();
      samples.add(sample(prefix + i, left, right, i % 3, random, i));
    }
    return samples;
  }

  /** Pairs of twins: one image with the companion, one without, for which the answer differs. */
  public static List<Sample> twins(String prefix, int pairs, long seed) {
    KeyedRandom random = KeyedRandom.of(seed, "toy-twins");
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < pairs; i++) {
      int left = random.below(COLOURS.size(), 0, i, 0);
      int other = random.below(COLOURS.size() - 1, 0, i, 2);
      String habit = prefix + i + "-habit";
      String exception = prefix + i + "-exception";
      int strange = (companion(left) + 1 + other) % COLOURS.size();
      samples.add(sample(habit, left, companion(left), i % 3, random, 2L * i).withTwin(exception));
      samples.add(sample(exception, left, strange, i % 3, random, 2L * i + 1).withTwin(habit));
    }
    return samples;
  }

  private static Sample sample(
      String id, int left, int right, int kind, KeyedRandom random, long key) {
    ImageSource image = ImageSource.of(image(left, right, random, key));
    String start = "left is " + COLOURS.get(left) + " . ";
    List<String> objects = List.of(COLOURS.get(left), COLOURS.get(right));
    String answer = COLOURS.get(right);
    Sample sample =
        switch (kind) {
          case 0 -> {
            String asked = COLOURS.get(companion(left));
            String truth = asked.equals(answer) ? "yes" : "no";
            yield Sample.of(id, image, start + "is right " + asked + " ?", truth, "yn");
          }
          case 1 ->
              Sample.of(id, image, start + "what is right ?", answer, "mc").withOptions(COLOURS);
          default -> Sample.of(id, image, "describe", COLOURS.get(left) + " and " + answer, "cap");
        };
    return sample.withObjects(objects);
  }

  private static RgbImage image(int left, int right, KeyedRandom random, long key) {
    int width = 12 + random.below(3, 1, key, 0) * 2;
    int height = 8 + random.below(2, 1, key, 1) * 5;
    byte[] planes = new byte[3 * width * height];
    for (int i = 0; i < planes.length; i++) {
      int channel = i / (width * height);
      int colour = i % width < width / 2 ? left : right;
      double noise = 12 * random.gaussian(2, key, i);
      planes[i] = (byte) Math.max(0, Math.min(255, Math.rint(RGB[colour][channel] + noise)));
    }
    return new RgbImage(width, height, planes);
  }
}
