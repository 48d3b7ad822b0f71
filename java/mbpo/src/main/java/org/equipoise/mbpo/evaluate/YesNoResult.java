package org.equipoise.mbpo.evaluate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Yes/no questions. "Positive" is yes. A metric without any item to count is NaN.
 *
 * @param items one per question
 */
public record YesNoResult(List<YesNoItem> items) {
  /** Share of right answers. */
  public static final Statistic<YesNoItem> ACCURACY = Statistic.mean(i -> one(i.correct()));

  /** Share of right answers where the gold answer is yes; also the recall of yes. */
  public static final Statistic<YesNoItem> ACCURACY_GOLD_YES =
      Statistic.ratio(i -> one(i.goldYes() && i.correct()), i -> one(i.goldYes()));

  /** Share of right answers where the gold answer is no. */
  public static final Statistic<YesNoItem> ACCURACY_GOLD_NO =
      Statistic.ratio(i -> one(!i.goldYes() && i.correct()), i -> one(!i.goldYes()));

  /** Share of right answers among those that say yes. */
  public static final Statistic<YesNoItem> PRECISION =
      Statistic.ratio(i -> one(i.saysYes() && i.goldYes()), i -> one(i.saysYes()));

  /** {@code 2·TP / (2·TP + FP + FN)}, and the denominator is (said yes) + (gold yes). */
  public static final Statistic<YesNoItem> F1 =
      Statistic.ratio(
          i -> 2 * one(i.saysYes() && i.goldYes()), i -> one(i.saysYes()) + one(i.goldYes()));

  /** Share of questions answered yes. */
  public static final Statistic<YesNoItem> YES_RATIO = Statistic.mean(i -> one(i.saysYes()));

  /** Share of answers that say neither yes nor no, or both. */
  public static final Statistic<YesNoItem> UNREADABLE =
      Statistic.mean(i -> one(i.answeredYes() == null));

  /** Area under the ROC of the log-odds, ties count half; NaN unless both labels occur. */
  public static final Statistic<YesNoItem> AUC = new AreaUnderRoc();

  public YesNoResult {
    items = List.copyOf(items);
  }

  /**
   * One point of the receiver operating characteristic: the rates of yes among gold no and gold yes
   * when everything with log-odds of at least {@code lowest} is answered yes.
   */
  public record RocPoint(double falsePositiveRate, double truePositiveRate, double lowest) {}

  public double accuracy() {
    return ACCURACY.of(items);
  }

  public double accuracyGoldYes() {
    return ACCURACY_GOLD_YES.of(items);
  }

  public double accuracyGoldNo() {
    return ACCURACY_GOLD_NO.of(items);
  }

  public double precision() {
    return PRECISION.of(items);
  }

  /** Share of gold yes answered yes. */
  public double recall() {
    return ACCURACY_GOLD_YES.of(items);
  }

  public double f1() {
    return F1.of(items);
  }

  public double yesRatio() {
    return YES_RATIO.of(items);
  }

  public double unreadableShare() {
    return UNREADABLE.of(items);
  }

  public double auc() {
    return AUC.of(items);
  }

  /** The same questions answered by a threshold on the log-odds. */
  public YesNoResult atThreshold(double threshold) {
    return new YesNoResult(items.stream().map(i -> i.atThreshold(threshold)).toList());
  }

  /** ROC from (0, 0) to (1, 1), one point per distinct log-odds; empty unless both labels occur. */
  public List<RocPoint> roc() {
    double positives = items.stream().filter(YesNoItem::goldYes).count();
    double negatives = items.size() - positives;
    if (positives == 0 || negatives == 0) {
      return List.of();
    }
    List<YesNoItem> sorted = new ArrayList<>(items);
    sorted.sort(Comparator.comparingDouble(YesNoItem::logOdds).reversed());
    List<RocPoint> points = new ArrayList<>();
    points.add(new RocPoint(0, 0, Double.POSITIVE_INFINITY));
    long truePositive = 0;
    long falsePositive = 0;
    for (int i = 0; i < sorted.size(); i++) {
      double here = sorted.get(i).logOdds();
      if (sorted.get(i).goldYes()) {
        truePositive++;
      } else {
        falsePositive++;
      }
      if (i + 1 == sorted.size() || sorted.get(i + 1).logOdds() != here) {
        points.add(new RocPoint(falsePositive / negatives, truePositive / positives, here));
      }
    }
    return points;
  }

  /**
   * The threshold on the log-odds with the highest accuracy on these (development) items: 0 or
   * midway between neighbours; of equally good ones the nearest to 0.
   */
  public double fitThreshold() {
    if (items.isEmpty()) {
      throw new IllegalArgumentException("no items to fit a threshold on");
    }
    List<YesNoItem> sorted = new ArrayList<>(items);
    sorted.sort(Comparator.comparingDouble(YesNoItem::logOdds));
    // Below the threshold stands nothing at first, so every answer is yes.
    long correct = sorted.stream().filter(YesNoItem::goldYes).count();
    double best = between(Double.NEGATIVE_INFINITY, sorted.get(0).logOdds());
    long bestCorrect = correct;
    for (int i = 0; i < sorted.size(); i++) {
      correct += sorted.get(i).goldYes() ? -1 : 1;
      double here = sorted.get(i).logOdds();
      double next = i + 1 < sorted.size() ? sorted.get(i + 1).logOdds() : Double.POSITIVE_INFINITY;
      if (next == here && i + 1 < sorted.size()) {
        continue;
      }
      double threshold = between(here, next);
      boolean nearer = correct == bestCorrect && Math.abs(threshold) < Math.abs(best);
      if (correct > bestCorrect || nearer) {
        bestCorrect = correct;
        best = threshold;
      }
    }
    return best;
  }

  /** A finite threshold t with low &lt;= t &lt; high: 0 if possible, otherwise in the middle. */
  private static double between(double low, double high) {
    if (low <= 0 && high > 0) {
      return 0;
    }
    if (Double.isInfinite(low)) {
      return Math.max(-Double.MAX_VALUE, high - 1);
    }
    return Double.isInfinite(high) ? low + 1 : low + (high - low) / 2;
  }

  private static double one(boolean counted) {
    return counted ? 1 : 0;
  }
}
