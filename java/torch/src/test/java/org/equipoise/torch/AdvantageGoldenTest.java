package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.AdvantageScale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Equality with TRL 1.13 and verl, in double precision; advantage_golden.py made the values. */
class AdvantageGoldenTest {
  /** Constant groups leave rounding noise of 1e-17 over epsilon 1e-4 in TRL; here exact zeros. */
  private static final double TRL = 1e-11;

  /** verl divides sums over tokens by their number plus 1e-8; there are at least 20 tokens. */
  private static final double VERL = 4e-9;

  private JsonNode golden;
  private PointerScope scope;

  @BeforeEach
  void open() throws IOException {
    try (InputStream stream = getClass().getResourceAsStream("advantage_golden.json")) {
      golden = new ObjectMapper().readTree(stream);
    }
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static void flatten(JsonNode node, List<Double> values) {
    if (node.isArray()) {
      node.forEach(child -> flatten(child, values));
    } else {
      values.add(node.isNull() ? Double.NaN : node.asDouble());
    }
  }

  private static double[] doubles(JsonNode node) {
    List<Double> values = new ArrayList<>();
    flatten(node, values);
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static Tensor tensor(JsonNode node) {
    long[] shape =
        node.get(0).isArray()
            ? new long[] {node.size(), node.get(0).size()}
            : new long[] {node.size()};
    return TestTensors.of(ScalarType.Double, doubles(node), shape);
  }

  @Test
  void grpoAndItsMetricsEqualTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("grpo")) {
      String name = c.get("name").asText();
      boolean gdpo = c.get("aggregation").asText().equals("normalize_then_sum");
      AdvantageScale scale =
          AdvantageScale.valueOf(c.get("scale").asText().toUpperCase(Locale.ROOT));
      GroupAdvantage.Statistics found =
          (gdpo ? GroupAdvantage.trlGdpo() : GroupAdvantage.trl().scale(scale))
              .weights(doubles(c.get("weights")))
              .applyWithStatistics(tensor(c.get("rewards")), c.get("group_size").asInt());
      assertArrayEquals(
          doubles(c.get("advantages")), TestTensors.doubles(found.advantages()), TRL, name);
      AdvantageMetrics metrics = found.metrics();
      assertEquals(c.get("reward").asDouble(), metrics.rewardMean(), 1e-13, name);
      assertEquals(c.get("reward_std").asDouble(), metrics.rewardStd(), 1e-13, name);
      double[] functions = doubles(c.get("functions"));
      for (int k = 0; k < metrics.functions().size(); k++) {
        assertEquals(functions[2 * k], metrics.functions().get(k).mean(), 1e-13, name);
        assertEquals(functions[2 * k + 1], metrics.functions().get(k).std(), 1e-13, name);
      }
      // TRL looks at what it divides by, which under these two is the batch's deviation, and takes
      // a group with one scorable member, whose deviation is NaN there, for one that differs.
      if (!gdpo && scale != AdvantageScale.BATCH && !name.startsWith("whole")) {
        assertEquals(c.get("zero_std").asDouble(), metrics.equalGroups(), name);
      }
      cases++;
    }
    assertEquals(60, cases);
    assertTrue(golden.get("trl").asText().startsWith("1.13"));
  }

  /** The KL penalty in the reward is one more function, with weight minus beta here. */
  @Test
  void rlooEqualsTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("rloo")) {
      double[] rewards = doubles(c.get("rewards"));
      double[] kl = doubles(c.get("kl"));
      int functions = rewards.length / kl.length;
      double[] all = new double[kl.length * (functions + 1)];
      for (int i = 0; i < kl.length; i++) {
        boolean scorable = false;
        for (int k = 0; k < functions; k++) {
          all[i * (functions + 1) + k] = rewards[i * functions + k];
          scorable |= !Double.isNaN(rewards[i * functions + k]);
        }
        all[i * (functions + 1) + functions] = scorable ? kl[i] : Double.NaN;
      }
      double[] weights = Arrays.copyOf(doubles(c.get("weights")), functions + 1);
      weights[functions] = -c.get("beta").asDouble();
      GroupAdvantage rloo = GroupAdvantage.trlRloo().weights(weights);
      Tensor found =
          (c.get("normalize").asBoolean() ? rloo.scale(AdvantageScale.WHITEN) : rloo)
              .apply(
                  TestTensors.of(ScalarType.Double, all, kl.length, functions + 1),
                  c.get("group_size").asInt());
      assertArrayEquals(
          doubles(c.get("advantages")), TestTensors.doubles(found), TRL, c.get("name").asText());
      cases++;
    }
    assertEquals(60, cases);
  }

  private static GroupAdvantage verl(String estimator) {
    return switch (estimator) {
      case "grpo" -> GroupAdvantage.verl();
      case "grpo_passk" -> GroupAdvantage.verlPassAtK();
      case "reinforce_plus_plus_baseline" -> GroupAdvantage.verlReinforcePlusPlus();
      case "rloo" -> GroupAdvantage.verlRloo();
      case "opo" -> GroupAdvantage.verlOpo();
      case "remax" -> GroupAdvantage.verlRemax();
      case "gpg" -> GroupAdvantage.verlGpg();
      default -> throw new IllegalArgumentException(estimator);
    };
  }

  @Test
  void estimatorsEqualVerl() {
    int cases = 0;
    for (JsonNode c : golden.get("verl")) {
      String estimator = c.get("estimator").asText();
      GroupAdvantage advantage = verl(estimator);
      if (!c.get("norm").asBoolean()) {
        advantage = advantage.scale(AdvantageScale.NONE);
      }
      double[] groups = doubles(c.get("groups"));
      int[] offsets = new int[groups.length + 1];
      for (int g = 0; g < groups.length; g++) {
        offsets[g + 1] = offsets[g] + (int) groups[g];
      }
      Tensor lengths = tensor(c.get("lengths")).to(ScalarType.Long);
      GroupAdvantage.Beside beside =
          switch (estimator) {
            case "opo", "reinforce_plus_plus_baseline" -> GroupAdvantage.Beside.lengths(lengths);
            case "remax" -> GroupAdvantage.Beside.baselines(tensor(c.get("baselines")));
            default -> new GroupAdvantage.Beside(null, null);
          };
      Tensor found = advantage.apply(tensor(c.get("rewards")), TestTensors.ints(offsets), beside);
      assertArrayEquals(
          doubles(c.get("advantages")), TestTensors.doubles(found), VERL, c.get("name").asText());
      cases++;
    }
    assertEquals(18, cases);
  }
}
