package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.AdvantageScale;
import org.equipoise.kernels.SingletonGroup;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GroupAdvantageTest {
  private static final double NAN = Double.NaN;

  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static double std(double[] values, int from, int to, int ddof) {
    double mean = mean(values, from, to);
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += (values[i] - mean) * (values[i] - mean);
    }
    return Math.sqrt(sum / (to - from - ddof));
  }

  private static double mean(double[] values, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += values[i];
    }
    return sum / (to - from);
  }

  @Test
  void equalGroupsInEveryScaleEqualTheFormula() {
    double[] r = TestTensors.gaussian(3, 12, 2, 1);
    Tensor rewards = TestTensors.of(ScalarType.Double, r, 12);
    for (int ddof = 0; ddof <= 1; ddof++) {
      GroupAdvantage trl = GroupAdvantage.trl().ddof(ddof);
      double[] group = TestTensors.doubles(trl.apply(rewards, 4));
      double[] batch = TestTensors.doubles(trl.scale(AdvantageScale.BATCH).apply(rewards, 4));
      double[] none = TestTensors.doubles(trl.scale(AdvantageScale.NONE).apply(rewards, 4));
      for (int i = 0; i < 12; i++) {
        int from = i / 4 * 4;
        double centred = r[i] - mean(r, from, from + 4);
        assertEquals(centred / (std(r, from, from + 4, ddof) + 1e-4), group[i], 1e-12);
        assertEquals(centred / (std(r, 0, 12, ddof) + 1e-4), batch[i], 1e-12);
        assertEquals(centred, none[i], 1e-12);
      }
    }
  }

  @Test
  void raggedGroupsAndStatistics() {
    double[] r = {1, 4, 2, 7, 7, 7, 3};
    Tensor rewards = TestTensors.of(ScalarType.Double, r, 7);
    GroupAdvantage.Statistics result =
        GroupAdvantage.verl()
            .applyWithStatistics(rewards, TestTensors.ints(new int[] {0, 3, 6, 7}));
    double[] expected = new double[7];
    for (int i = 0; i < 3; i++) {
      expected[i] = (r[i] - mean(r, 0, 3)) / (std(r, 0, 3, 1) + 1e-6);
    }
    // verl takes mean 0 and standard deviation 1 of a singleton; the sevens give exact zeros.
    expected[6] = 3 / (1 + 1e-6);
    assertArrayEquals(expected, TestTensors.doubles(result.advantages()), 1e-12);
    assertArrayEquals(new double[] {7.0 / 3, 7, 3}, TestTensors.doubles(result.mean()), 1e-12);
    double[] zero =
        TestTensors.doubles(
            GroupAdvantage.verl()
                .singleton(SingletonGroup.ZERO)
                .apply(rewards, TestTensors.longs(new long[] {0, 3, 6, 7})));
    assertEquals(0.0, zero[6]);
  }

  @Test
  void missingRewardsDoNotCount() {
    // Two reward functions with weights; sample 1 lacks one, sample 2 lacks both.
    double[] r = {1, 2, NAN, 3, NAN, NAN, 5, 6};
    Tensor rewards = TestTensors.of(ScalarType.Double, r, 4, 2);
    double[] found = TestTensors.doubles(GroupAdvantage.trl().weights(1, 0.5).apply(rewards, 4));
    double[] sums = {2, 1.5, 8};
    double mean = mean(sums, 0, 3);
    double std = std(sums, 0, 3, 1) + 1e-4;
    assertArrayEquals(
        new double[] {(2 - mean) / std, (1.5 - mean) / std, 0, (8 - mean) / std}, found, 1e-12);
  }

  @Test
  void equalRewardsGiveExactZeros() {
    double[] r = {0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f};
    double[] found =
        TestTensors.doubles(
            GroupAdvantage.trl().epsilon(0).apply(TestTensors.of(ScalarType.Float, r, 7), 7));
    assertArrayEquals(new double[7], found);
  }

  @Test
  void intoTheCallersTensor() {
    Tensor rewards = TestTensors.of(ScalarType.Float, new double[] {2, 0, 0, 2}, 4);
    Tensor out = TestTensors.of(ScalarType.Float, new double[4], 4);
    GroupAdvantage.trl().ddof(0).epsilon(0).applyInto(rewards, 2, out);
    assertArrayEquals(new double[] {1, -1, -1, 1}, TestTensors.doubles(out));
  }

  /** In f32 the leave-one-out baselines differ by rounding, which no epsilon may blow up. */
  @Test
  void equalRewardsGiveExactZerosInEveryEstimator() {
    double[] r = new double[14];
    Arrays.fill(r, 0, 7, 0.1f);
    Arrays.fill(r, 7, 14, 0.7f);
    Tensor rewards = TestTensors.of(ScalarType.Float, r, 14);
    for (GroupAdvantage advantage :
        List.of(
            GroupAdvantage.trl(),
            GroupAdvantage.trlGdpo(),
            GroupAdvantage.trlRloo(),
            GroupAdvantage.trlRloo().scale(AdvantageScale.WHITEN),
            GroupAdvantage.verlPassAtK(),
            GroupAdvantage.verlReinforcePlusPlus())) {
      GroupAdvantage.Statistics found = advantage.epsilon(0).applyWithStatistics(rewards, 7);
      assertArrayEquals(new double[14], TestTensors.doubles(found.advantages()), "" + advantage);
      assertEquals(1.0, found.metrics().equalGroups());
    }
  }

  /** Offline pairs and online groups of one tensor: two pools, each with its own options. */
  @Test
  void offlineAndOnlineGroupsAreTwoCalls() {
    double[] r = {2, 0, 2, 0, 1, 0, 0, 3, 5, 4};
    Tensor rewards = TestTensors.of(ScalarType.Float, r, 10);
    Tensor advantages = TestTensors.of(ScalarType.Float, new double[10], 10);
    GroupAdvantage.trl()
        .ddof(0)
        .epsilon(0)
        .applyInto(rewards.narrow(0, 0, 4), 2, advantages.narrow(0, 0, 4));
    GroupAdvantage.trl()
        .scale(AdvantageScale.BATCH)
        .applyInto(rewards.narrow(0, 4, 6), 3, advantages.narrow(0, 4, 6));
    double std = std(r, 4, 10, 1) + 1e-4;
    double[] expected = {1, -1, 1, -1, 2 / 3.0, -1 / 3.0, -1 / 3.0, -1, 1, 0};
    for (int i = 4; i < 10; i++) {
      expected[i] /= std;
    }
    assertArrayEquals(expected, TestTensors.doubles(advantages), 1e-7);
  }

  @Test
  void whatAnEstimatorReadsIsAskedFor() {
    Tensor rewards = TestTensors.of(ScalarType.Float, new double[] {2, 0, 0, 2}, 4);
    assertEquals(
        "eqp_group_advantage: lengths: expected a tensor because baseline is LENGTHS, found NULL",
        assertThrows(
                IllegalArgumentException.class, () -> GroupAdvantage.verlOpo().apply(rewards, 2))
            .getMessage());
    Tensor lengths = TestTensors.longs(new long[] {1, 2, -3, 4});
    assertEquals(
        "eqp_group_advantage: lengths: expected numbers >= 0, found -3 at entry 2",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    GroupAdvantage.verlOpo()
                        .apply(rewards, 2, GroupAdvantage.Beside.lengths(lengths)))
            .getMessage());
  }
}
