package org.equipoise.mbpo.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class YesNoResultTest {
  private static final double EXACT = 1e-12;

  private static YesNoItem item(boolean gold, double odds, Boolean says) {
    return new YesNoItem("s", gold, odds, says, "");
  }

  @Test
  void countsByDefinition() {
    YesNoResult result =
        new YesNoResult(
            List.of(
                item(true, 2, true),
                item(true, 1, true),
                item(true, -1, false),
                item(false, 0.5, true),
                item(false, -2, false),
                item(false, -3, null)));
    assertEquals(3.0 / 6, result.accuracy(), EXACT, "an unreadable answer is wrong");
    assertEquals(2.0 / 3, result.accuracyGoldYes(), EXACT);
    assertEquals(1.0 / 3, result.accuracyGoldNo(), EXACT);
    assertEquals(2.0 / 3, result.precision(), EXACT);
    assertEquals(2.0 / 3, result.recall(), EXACT);
    assertEquals(2.0 / 3, result.f1(), EXACT);
    assertEquals(3.0 / 6, result.yesRatio(), EXACT);
    assertEquals(1.0 / 6, result.unreadableShare(), EXACT);
    assertEquals(8.0 / 9, result.auc(), EXACT);
  }

  @Test
  void agreesWithTheDefinitionsOnRandomItemsHoweverOftenTheyCount() {
    SplittableRandom random = new SplittableRandom(1);
    for (int trial = 0; trial < 300; trial++) {
      List<YesNoItem> items = StatisticOracle.items(random, 1 + random.nextInt(12));
      int[] counts = new int[items.size()];
      for (int i = 0; i < counts.length; i++) {
        counts[i] = random.nextInt(4);
      }
      List<YesNoItem> repeated = StatisticOracle.repeated(items, counts);
      assertEquals(
          StatisticOracle.areaUnderRoc(repeated),
          YesNoResult.AUC.prepare(items).value(counts),
          EXACT);
      assertEquals(
          StatisticOracle.f1(repeated), YesNoResult.F1.prepare(items).value(counts), EXACT);
      assertEquals(StatisticOracle.areaUnderRoc(items), new YesNoResult(items).auc(), EXACT);
      assertEquals(
          repeated.stream().mapToInt(i -> i.correct() ? 1 : 0).average().orElse(Double.NaN),
          YesNoResult.ACCURACY.prepare(items).value(counts),
          EXACT);
    }
  }

  @Test
  void undefinedIsNaNAndNeverZero() {
    YesNoResult none = new YesNoResult(List.of());
    for (double value :
        new double[] {
          none.accuracy(),
          none.accuracyGoldYes(),
          none.accuracyGoldNo(),
          none.precision(),
          none.recall(),
          none.f1(),
          none.yesRatio(),
          none.unreadableShare(),
          none.auc()
        }) {
      assertEquals(Double.NaN, value);
    }
    YesNoResult noPositives =
        new YesNoResult(List.of(item(false, 1, false), item(false, 2, false)));
    assertEquals(Double.NaN, noPositives.auc());
    assertEquals(Double.NaN, noPositives.recall());
    assertEquals(Double.NaN, noPositives.precision());
    assertEquals(Double.NaN, noPositives.f1());
    assertEquals(List.of(), noPositives.roc());
    assertEquals(1, noPositives.accuracyGoldNo());
    YesNoResult noNegatives = new YesNoResult(List.of(item(true, 1, false)));
    assertEquals(Double.NaN, noNegatives.auc());
    assertEquals(0, noNegatives.f1(), "defined: a gold yes was missed");
  }

  @Test
  void rocIsMonotoneAndItsTrapezoidsSumToTheAuc() {
    SplittableRandom random = new SplittableRandom(2);
    for (int trial = 0; trial < 50; trial++) {
      YesNoResult result = new YesNoResult(StatisticOracle.items(random, 60));
      List<YesNoResult.RocPoint> roc = result.roc();
      assertEquals(0, roc.get(0).falsePositiveRate());
      assertEquals(0, roc.get(0).truePositiveRate());
      assertEquals(1, roc.get(roc.size() - 1).falsePositiveRate());
      assertEquals(1, roc.get(roc.size() - 1).truePositiveRate());
      double area = 0;
      for (int i = 1; i < roc.size(); i++) {
        double width = roc.get(i).falsePositiveRate() - roc.get(i - 1).falsePositiveRate();
        double height = roc.get(i).truePositiveRate() + roc.get(i - 1).truePositiveRate();
        assertTrue(
            width >= 0 && roc.get(i).truePositiveRate() >= roc.get(i - 1).truePositiveRate());
        area += width * height / 2;
      }
      assertEquals(result.auc(), area, EXACT);
    }
  }

  @Test
  void fittedThresholdIsTheBestAndTheNearestToZero() {
    SplittableRandom random = new SplittableRandom(3);
    for (int trial = 0; trial < 300; trial++) {
      YesNoResult result = new YesNoResult(StatisticOracle.items(random, 1 + random.nextInt(15)));
      double fitted = result.fitThreshold();
      assertTrue(Double.isFinite(fitted));
      double reached = result.atThreshold(fitted).accuracy();
      TreeSet<Double> others = new TreeSet<>(List.of(0.0, -1e3, 1e3));
      result.items().forEach(i -> others.add(i.logOdds()));
      for (double other : others) {
        double accuracy = result.atThreshold(other).accuracy();
        assertTrue(accuracy <= reached + EXACT, "threshold " + other + " is better than " + fitted);
        if (other == 0 && accuracy == reached) {
          assertEquals(0, fitted, "0 is as good");
        }
      }
    }
  }

  @Test
  void thresholdIsMidwayBetweenNeighbours() {
    YesNoResult shifted =
        new YesNoResult(List.of(item(false, 1, true), item(false, 2, true), item(true, 3, true)));
    assertEquals(2.5, shifted.fitThreshold());
    assertEquals(1, shifted.atThreshold(2.5).accuracy());
  }

  @Test
  void nanLogOddsAreRefusedByName() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> item(true, Double.NaN, true));
    assertTrue(refused.getMessage().startsWith("the log-odds of sample s are NaN"));
  }
}
