package org.equipoise.mbpo.evaluate;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Area under the ROC of the log-odds: P(log-odds of a gold yes &gt; log-odds of a gold no), ties
 * count half (Mann-Whitney). The items are sorted once; each resample is then one pass over
 * weighted ranks.
 */
final class AreaUnderRoc implements Statistic<YesNoItem> {
  @Override
  public Prepared prepare(List<? extends YesNoItem> items) {
    int[] order =
        IntStream.range(0, items.size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> items.get(i).logOdds()))
            .mapToInt(Integer::intValue)
            .toArray();
    boolean[] positive = new boolean[order.length];
    boolean[] endsTie = new boolean[order.length];
    for (int rank = 0; rank < order.length; rank++) {
      YesNoItem item = items.get(order[rank]);
      positive[rank] = item.goldYes();
      endsTie[rank] =
          rank + 1 == order.length || items.get(order[rank + 1]).logOdds() != item.logOdds();
    }
    return counts -> value(order, positive, endsTie, counts);
  }

  /** {@code Σ over ties of positives · (negatives below + negatives tied / 2) / (all pairs)}. */
  private static double value(int[] order, boolean[] positive, boolean[] endsTie, int[] counts) {
    double wins = 0;
    long positives = 0;
    long negativesBelow = 0;
    long tiedPositives = 0;
    long tiedNegatives = 0;
    for (int rank = 0; rank < order.length; rank++) {
      int count = counts[order[rank]];
      if (positive[rank]) {
        tiedPositives += count;
      } else {
        tiedNegatives += count;
      }
      if (endsTie[rank]) {
        wins += tiedPositives * (negativesBelow + 0.5 * tiedNegatives);
        positives += tiedPositives;
        negativesBelow += tiedNegatives;
        tiedPositives = 0;
        tiedNegatives = 0;
      }
    }
    return positives == 0 || negativesBelow == 0
        ? Double.NaN
        : wins / ((double) positives * negativesBelow);
  }
}
