package org.equipoise.mbpo.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.equipoise.mbpo.report.Interval;
import org.junit.jupiter.api.Test;

class BootstrapTest {
  private static final Statistic<Double> MEAN = Statistic.mean(Double::doubleValue);

  private static List<YesNoItem> items(long seed, int count) {
    return StatisticOracle.items(new SplittableRandom(seed), count);
  }

  private static List<YesNoItem> answered(List<YesNoItem> items, double threshold) {
    return items.stream().map(i -> i.atThreshold(threshold)).toList();
  }

  @Test
  void coversTheTruthAsOftenAsItSays() {
    SplittableRandom random = new SplittableRandom(4);
    int covered = 0;
    int trials = 400;
    for (int trial = 0; trial < trials; trial++) {
      List<Double> draws = new ArrayList<>();
      for (int i = 0; i < 150; i++) {
        draws.add(random.nextDouble() < 0.3 ? 1.0 : 0.0);
      }
      Interval interval = new Bootstrap(400, trial).interval(draws, MEAN);
      covered += interval.low() <= 0.3 && 0.3 <= interval.high() ? 1 : 0;
    }
    // 95 % +- 4 standard deviations of a binomial share over 400 trials.
    double share = (double) covered / trials;
    assertEquals(0.95, share, 4 * Math.sqrt(0.95 * 0.05 / trials));
  }

  @Test
  void widthIsThatOfTheNormalApproximation() {
    List<Double> draws = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      draws.add(i % 4 == 0 ? 1.0 : 0.0);
    }
    Interval interval = new Bootstrap(4000, 1).interval(draws, MEAN);
    double half = 1.96 * Math.sqrt(0.25 * 0.75 / 1000);
    assertEquals(0.25, interval.value());
    assertEquals(0.25 - half, interval.low(), 0.1 * half);
    assertEquals(0.25 + half, interval.high(), 0.1 * half);
  }

  @Test
  void sameSeedSameIntervalOtherSeedAnother() {
    List<YesNoItem> items = items(5, 80);
    Interval first = new Bootstrap(200, 1).interval(items, YesNoResult.AUC);
    assertEquals(first, new Bootstrap(200, 1).interval(items, YesNoResult.AUC));
    assertNotEquals(first, new Bootstrap(200, 2).interval(items, YesNoResult.AUC));
  }

  @Test
  void pairedDifferenceOfTheSameIsExactlyZero() {
    List<YesNoItem> items = items(6, 80);
    assertEquals(
        new Interval(0, 0, 0),
        Bootstrap.defaults().pairedDifference(items, items, YesNoResult.AUC));
  }

  @Test
  void pairingRemovesWhatBothShare() {
    List<YesNoItem> before = answered(items(7, 300), 0);
    List<YesNoItem> after = new ArrayList<>(before);
    int repaired = 0;
    for (int i = 0; i < after.size() && repaired < 15; i++) {
      YesNoItem item = after.get(i);
      if (!item.correct()) {
        after.set(i, new YesNoItem(item.id(), item.goldYes(), item.logOdds(), item.goldYes(), ""));
        repaired++;
      }
    }
    Interval difference =
        Bootstrap.defaults().pairedDifference(before, after, YesNoResult.ACCURACY);
    assertEquals(15.0 / 300, difference.value(), 1e-12);
    double deviation = Math.sqrt(0.05 * 0.95 / 300);
    assertEquals(2 * 1.96 * deviation, difference.high() - difference.low(), 0.4 * deviation);
  }

  @Test
  void differentSamplesAreRefused() {
    List<YesNoItem> items = items(8, 3);
    List<YesNoItem> other = List.of(items.get(0), items.get(2), items.get(1));
    Bootstrap bootstrap = Bootstrap.defaults();
    assertTrue(
        assertThrows(
                IllegalArgumentException.class,
                () -> bootstrap.pairedDifference(items, other, YesNoResult.AUC))
            .getMessage()
            .endsWith("found s1 and s2 at position 1"));
    assertThrows(
        IllegalArgumentException.class,
        () -> bootstrap.pairedDifference(items, items.subList(0, 2), YesNoResult.AUC));
  }

  @Test
  void undefinedStaysUndefined() {
    List<YesNoItem> noPositives =
        items(9, 40).stream()
            .map(i -> new YesNoItem(i.id(), false, i.logOdds(), i.answeredYes(), ""))
            .toList();
    Interval interval = Bootstrap.defaults().interval(noPositives, YesNoResult.AUC);
    assertEquals(Interval.of(Double.NaN), interval);
    assertEquals(
        Interval.of(Double.NaN),
        Bootstrap.defaults().interval(List.<YesNoItem>of(), YesNoResult.F1));
  }

  @Test
  void resamplesWithoutAPositiveAreLeftOut() {
    List<YesNoItem> onePositive = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      onePositive.add(new YesNoItem("s" + i, i == 0, i == 0 ? 1 : 0, true, "yes"));
    }
    assertEquals(
        new Interval(1, 1, 1), Bootstrap.defaults().interval(onePositive, YesNoResult.AUC));
  }
}
