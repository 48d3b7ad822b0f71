package org.equipoise.mbpo.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * A number computed from a list of items in which each item may count several times: what a {@link
 * Bootstrap} resamples. Undefined values are NaN, never 0. Implementations are immutable and
 * thread-safe.
 *
 * @param <T> kind of item
 */
public interface Statistic<T> {
  /** Does once what does not depend on how often items count. */
  Prepared prepare(List<? extends T> items);

  /** A statistic of fixed items. */
  @FunctionalInterface
  interface Prepared {
    /**
     * @param counts how often each item counts, in the order of the items
     */
    double value(int[] counts);
  }

  /** The statistic of the items, each counted once. */
  default double of(List<? extends T> items) {
    int[] once = new int[items.size()];
    Arrays.fill(once, 1);
    return prepare(items).value(once);
  }

  /** Σ value / number of items; NaN without items. */
  static <T> Statistic<T> mean(ToDoubleFunction<? super T> value) {
    return ratio(value, item -> 1);
  }

  /** Σ numerator / Σ denominator; NaN where the denominator is 0. */
  static <T> Statistic<T> ratio(
      ToDoubleFunction<? super T> numerator, ToDoubleFunction<? super T> denominator) {
    return items -> {
      double[] above = items.stream().mapToDouble(numerator::applyAsDouble).toArray();
      double[] below = items.stream().mapToDouble(denominator::applyAsDouble).toArray();
      return counts -> {
        double sumAbove = 0;
        double sumBelow = 0;
        for (int i = 0; i < counts.length; i++) {
          sumAbove += counts[i] * above[i];
          sumBelow += counts[i] * below[i];
        }
        return sumBelow == 0 ? Double.NaN : sumAbove / sumBelow;
      };
    };
  }
}
