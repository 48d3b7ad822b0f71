package org.equipoise.mbpo.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.report.Interval;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Percentile bootstrap over items, 95 %. Deterministic in (resamples, seed, number of items): two
 * methods evaluated on the same items see the same resamples, which makes differences paired.
 * Resamples in which a statistic is undefined (NaN) are left out; where it is undefined for the
 * items themselves, so is the interval. Immutable and thread-safe.
 *
 * @param resamples at least 100
 * @param seed of the resampling
 */
public record Bootstrap(int resamples, long seed) {
  private static final double TAIL = 0.025;

  public Bootstrap {
    if (resamples < 100) {
      throw new IllegalArgumentException("resamples must be at least 100, found " + resamples);
    }
  }

  /** 1000 resamples. */
  public static Bootstrap defaults() {
    return new Bootstrap(1000, 0);
  }

  /** A statistic of items with its interval. */
  public <T> Interval interval(List<? extends T> items, Statistic<T> statistic) {
    return interval(items.size(), statistic.of(items), statistic.prepare(items));
  }

  /** {@code statistic(after) − statistic(before)} where both hold the same samples in one order. */
  public <T extends EvaluatedItem> Interval pairedDifference(
      List<? extends T> before, List<? extends T> after, Statistic<T> statistic) {
    requireSameSamples(before, after);
    Statistic.Prepared first = statistic.prepare(before);
    Statistic.Prepared second = statistic.prepare(after);
    double estimate = statistic.of(after) - statistic.of(before);
    return interval(before.size(), estimate, counts -> second.value(counts) - first.value(counts));
  }

  private Interval interval(int size, double estimate, Statistic.Prepared statistic) {
    if (Double.isNaN(estimate)) {
      return Interval.of(Double.NaN);
    }
    KeyedRandom seeds = KeyedRandom.of(seed, "bootstrap");
    double[] values = new double[resamples];
    int[] counts = new int[size];
    for (int r = 0; r < resamples; r++) {
      draw(new SplittableRandom(seeds.bits(0, r, 0)), counts);
      values[r] = statistic.value(counts);
    }
    double[] sorted = Arrays.stream(values).filter(v -> !Double.isNaN(v)).sorted().toArray();
    return new Interval(estimate, quantile(sorted, TAIL), quantile(sorted, 1 - TAIL));
  }

  /** As many draws with replacement as there are items. */
  private static void draw(SplittableRandom random, int[] counts) {
    Arrays.fill(counts, 0);
    for (int i = 0; i < counts.length; i++) {
      // 32 random bits scaled to the range: biased by less than size / 2^32.
      counts[(int) (((random.nextLong() >>> 32) * counts.length) >>> 32)]++;
    }
  }

  /** Linear interpolation between order statistics (type 7). */
  private static double quantile(double[] sorted, double share) {
    if (sorted.length == 0) {
      return Double.NaN;
    }
    double at = share * (sorted.length - 1);
    int low = (int) Math.floor(at);
    int high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  }

  private static void requireSameSamples(
      List<? extends EvaluatedItem> before, List<? extends EvaluatedItem> after) {
    if (before.size() != after.size()) {
      throw new IllegalArgumentException(
          "a paired difference needs the same samples twice, found "
              + before.size()
              + " and "
              + after.size());
    }
    for (int i = 0; i < before.size(); i++) {
      if (!before.get(i).id().equals(after.get(i).id())) {
        throw new IllegalArgumentException(
            "a paired difference needs the same samples in the same order, found "
                + Excerpt.of(before.get(i).id())
                + " and "
                + Excerpt.of(after.get(i).id())
                + " at position "
                + i);
      }
    }
  }
}
