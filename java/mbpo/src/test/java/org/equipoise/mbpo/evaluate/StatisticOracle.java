package org.equipoise.mbpo.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Definitions written out, and random items to try them on. */
final class StatisticOracle {
  private StatisticOracle() {}

  /** Mean over all (gold yes, gold no) pairs of 1 for won, one half for tied, 0 for lost. */
  static double areaUnderRoc(List<YesNoItem> items) {
    double sum = 0;
    long pairs = 0;
    for (YesNoItem yes : items) {
      for (YesNoItem no : items) {
        if (yes.goldYes() && !no.goldYes()) {
          pairs++;
          sum += yes.logOdds() > no.logOdds() ? 1 : yes.logOdds() == no.logOdds() ? 0.5 : 0;
        }
      }
    }
    return pairs == 0 ? Double.NaN : sum / pairs;
  }

  static double f1(List<YesNoItem> items) {
    double found = 0;
    double said = 0;
    double gold = 0;
    for (YesNoItem item : items) {
      boolean yes = item.answeredYes() != null && item.answeredYes();
      found += yes && item.goldYes() ? 1 : 0;
      said += yes ? 1 : 0;
      gold += item.goldYes() ? 1 : 0;
    }
    if (said == 0 && gold == 0) {
      return Double.NaN;
    }
    if (found == 0) {
      return 0;
    }
    double precision = found / said;
    double recall = found / gold;
    return 2 * precision * recall / (precision + recall);
  }

  /** Items with ties, infinite log-odds and unreadable answers among them. */
  static List<YesNoItem> items(SplittableRandom random, int count) {
    List<YesNoItem> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      boolean gold = random.nextBoolean();
      double odds = Math.rint(3 * random.nextDouble(-1, 1) + (gold ? 1 : 0)) / 2;
      if (random.nextInt(12) == 0) {
        odds = gold ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
      }
      int says = random.nextInt(5);
      Boolean answered = says == 0 ? null : Boolean.valueOf(says > 2 == gold);
      items.add(new YesNoItem("s" + i, gold, odds, answered, String.valueOf(answered)));
    }
    return items;
  }

  /** Each item as often as it counts. */
  static <T> List<T> repeated(List<T> items, int[] counts) {
    List<T> repeated = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      for (int k = 0; k < counts[i]; k++) {
        repeated.add(items.get(i));
      }
    }
    return repeated;
  }
}
