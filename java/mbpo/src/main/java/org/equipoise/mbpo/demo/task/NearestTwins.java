package org.equipoise.mbpo.demo.task;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.RgbImage;

/**
 * Twins among samples that were not made as such, as anybody has them without a renderer: for each
 * sample the nearest picture that is left with the same question and another answer. Nearness is
 * the squared distance of pictures made 8 x 8.
 */
public final class NearestTwins {
  private static final int SIDE = 8;

  private NearestTwins() {}

  /** The samples, in order; those that found a twin name it. */
  public static List<Sample> pair(List<Sample> samples) {
    Map<String, List<Sample>> byQuestion = new LinkedHashMap<>();
    for (Sample sample : samples) {
      byQuestion.computeIfAbsent(question(sample), q -> new ArrayList<>()).add(sample);
    }
    Map<String, String> twins = new HashMap<>();
    byQuestion.values().forEach(group -> match(group, twins));
    return samples.stream()
        .map(
            sample ->
                twins.containsKey(sample.id()) ? sample.withTwin(twins.get(sample.id())) : sample)
        .toList();
  }

  /** What is offered, and in which order, is left out: hardly two questions offer the same. */
  private static String question(Sample sample) {
    return sample.kind() + ":" + sample.question().replaceFirst(" [?] .*", "");
  }

  private static void match(List<Sample> group, Map<String, String> twins) {
    List<float[]> features = group.stream().map(s -> features(s.image().load())).toList();
    List<Integer> left = new ArrayList<>();
    for (int i = 0; i < group.size(); i++) {
      left.add(i);
    }
    while (left.size() > 1) {
      int first = left.remove(0);
      Integer nearest = null;
      double least = Double.POSITIVE_INFINITY;
      for (int other : left) {
        if (!answers(group.get(first), group.get(other))) {
          continue;
        }
        double distance = distance(features.get(first), features.get(other));
        if (distance < least) {
          least = distance;
          nearest = other;
        }
      }
      if (nearest != null) {
        left.remove(nearest);
        twins.put(group.get(first).id(), group.get(nearest).id());
        twins.put(group.get(nearest).id(), group.get(first).id());
      }
    }
  }

  /** Whether the answers differ, and each is offered where the other is right. */
  private static boolean answers(Sample a, Sample b) {
    return !a.answer().equals(b.answer())
        && (a.options().isEmpty()
            || a.options().contains(b.answer()) && b.options().contains(a.answer()));
  }

  private static float[] features(RgbImage image) {
    float[] sums = new float[3 * SIDE * SIDE];
    int plane = image.width() * image.height();
    for (int i = 0; i < image.planes().length; i++) {
      int y = i % plane / image.width() * SIDE / image.height();
      int x = i % image.width() * SIDE / image.width();
      sums[(i / plane * SIDE + y) * SIDE + x] += image.planes()[i] & 0xff;
    }
    return sums;
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = a[i] - b[i];
      sum += difference * difference;
    }
    return sum;
  }
}
