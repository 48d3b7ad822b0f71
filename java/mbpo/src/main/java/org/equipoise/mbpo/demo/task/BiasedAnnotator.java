package org.equipoise.mbpo.demo.task;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.random.KeyedRandom;
import org.jspecify.annotations.Nullable;

/**
 * An annotator who sometimes answers from the prior: says that an absent partner is there, chooses
 * it among the options, or names it in a caption in another object's place.
 */
public final class BiasedAnnotator {
  private BiasedAnnotator() {}

  /**
   * The samples with a share of the answers mistaken, or all that can be where fewer can.
   *
   * @param share of all samples
   */
  public static List<Sample> annotate(List<Sample> samples, double share, long seed) {
    KeyedRandom random = KeyedRandom.of(seed, "biased-annotator");
    List<Sample> open = new ArrayList<>();
    for (Sample sample : samples) {
      if (mistake(sample) != null) {
        open.add(sample);
      }
    }
    open.sort(Comparator.comparingDouble(s -> random.uniform(0, KeyedRandom.id(s.id()), 0)));
    Set<String> chosen = new HashSet<>();
    open.stream()
        .limit(Math.round(share * samples.size()))
        .forEach(sample -> chosen.add(sample.id()));
    return samples.stream()
        .map(sample -> chosen.contains(sample.id()) ? sample.withAnswer(mistake(sample)) : sample)
        .toList();
  }

  /** What the prior says where the picture says otherwise; {@code null} where both agree. */
  static @Nullable String mistake(Sample sample) {
    List<SceneObject> shown = sample.objects().stream().map(BiasedAnnotator::object).toList();
    String[] words = sample.question().split(" ");
    if (sample.kind().equals(QuestionKind.CAPTION.id())) {
      return mistakenCaption(sample, shown);
    }
    if (sample.kind().equals(QuestionKind.MULTIPLE_CHOICE.id())) {
      String partner = object(words[3]).partner().word();
      return sample.answer().equals(partner) ? null : partner;
    }
    SceneObject asked = object(words[words.length - 1]);
    boolean expected = shown.contains(asked.partner());
    return expected && sample.answer().equals("no") ? "yes" : null;
  }

  private static @Nullable String mistakenCaption(Sample sample, List<SceneObject> shown) {
    for (SceneObject object : shown) {
      SceneObject partner = object.partner();
      if (shown.contains(partner)) {
        continue;
      }
      List<SceneObject> others =
          shown.stream()
              .filter(other -> other != object && !shown.contains(other.partner()))
              .toList();
      if (!others.isEmpty()) {
        String replaced = others.get(others.size() - 1).word();
        return String.join(
            " ",
            Arrays.stream(sample.answer().split(" "))
                .map(word -> word.equals(replaced) ? partner.word() : word)
                .toList());
      }
    }
    return null;
  }

  private static SceneObject object(String word) {
    return SceneObject.valueOf(word.toUpperCase(Locale.ROOT));
  }
}
