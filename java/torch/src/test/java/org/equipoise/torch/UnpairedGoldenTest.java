package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.UnpairedBatch;
import org.equipoise.kernels.UnpairedLossKind;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Losses, gradients and metrics equal to TRL 1.13's own lines, in double precision;
 * unpaired_golden.py beside the JSON made the values.
 */
class UnpairedGoldenTest {
  /** Both sides sum some ten terms of order 1 in doubles. */
  private static final double DOUBLE = 1e-13;

  private static JsonNode golden;

  @BeforeAll
  static void read() throws IOException {
    try (InputStream stream =
        UnpairedGoldenTest.class.getResourceAsStream("unpaired_golden.json")) {
      golden = new ObjectMapper().readTree(stream);
    }
  }

  private static UnpairedLoss loss(JsonNode c) {
    String kind = c.get("kind").asText().toUpperCase(Locale.ROOT);
    return UnpairedLoss.of(UnpairedLossKind.valueOf(kind))
        .beta(c.get("beta").asDouble())
        .labelWeights(c.get("desirable_weight").asDouble(), c.get("undesirable_weight").asDouble())
        .updatesRewardMean(!c.has("update") || c.get("update").asBoolean());
  }

  private static Tensor labels(JsonNode c) {
    double[] values = Golden.doubles(golden.get("labels").get(c.get("labels").asText()));
    return TestTensors.of(ScalarType.Bool, values, values.length);
  }

  private static Tensor mask(int index) {
    return Golden.mask(golden.get("masks").get(index));
  }

  private static UnpairedBatch<Tensor> batch(JsonNode c, Tensor policy) {
    int mask = c.get("mask").asInt();
    UnpairedBatch<Tensor> batch =
        UnpairedBatch.of(policy, mask(mask), labels(c))
            .reference(Golden.tensor(c.get("reference")));
    if (c.has("mismatched")) {
      batch =
          batch.mismatched(
              Golden.tensor(c.get("mismatched")),
              Golden.tensor(c.get("mismatched_reference")),
              mask(1 - mask));
    }
    if (c.has("row_weights")) {
      Tensor weights = DensityRatioWeights.of(Golden.tensor(c.get("probability")), labels(c));
      assertArrayEquals(Golden.doubles(c.get("row_weights")), TestTensors.doubles(weights), DOUBLE);
      batch = batch.weights(weights);
    }
    return c.has("reward_mean") ? batch.rewardMean(Golden.tensor(c.get("reward_mean"))) : batch;
  }

  private static void metricsEqual(JsonNode expected, UnpairedMetrics found, String name) {
    Map<String, Double> ours =
        Map.of(
            "delta", found.rewardMean(),
            "kl", found.kl(),
            "rewards/chosen", found.rewardDesirable(),
            "rewards/rejected", found.rewardUndesirable(),
            "rewards/margins", found.margin(),
            "logps/chosen", found.logProbDesirableSum() / found.desirable(),
            "logps/rejected", found.logProbUndesirableSum() / found.undesirable());
    expected
        .properties()
        .forEach(
            metric ->
                assertEquals(
                    metric.getValue().asDouble(),
                    ours.get(metric.getKey()),
                    DOUBLE,
                    name + " " + metric.getKey()));
  }

  /** TRL's gradient of an answer that its nanmean leaves out is NaN; ours is 0. */
  private static double[] withZerosForNaN(double[] values) {
    double[] changed = values.clone();
    for (int k = 0; k < changed.length; k++) {
      changed[k] = Double.isNaN(changed[k]) ? 0 : changed[k];
    }
    return changed;
  }

  private static void equalsGolden(JsonNode c, String name) {
    Tensor policy = Golden.tensor(c.get("policy")).set_requires_grad(true);
    UnpairedLoss.Result result = loss(c).apply(batch(c, policy));
    assertEquals(c.get("loss").asDouble(), TestTensors.scalar(result.loss()), DOUBLE, name);
    result.backward();
    assertArrayEquals(
        withZerosForNaN(Golden.doubles(c.get("gradient"))),
        TestTensors.doubles(policy.grad()),
        DOUBLE,
        name);
    // Where nothing estimates the divergence TRL reports 0, ours what the batch says.
    if (!c.get("kind").asText().equals("apo_zero_unpaired")) {
      metricsEqual(c.get("metrics"), result.metrics(), name);
    }
    if (c.has("new_reward_mean")) {
      assertArrayEquals(
          Golden.doubles(c.get("new_reward_mean")),
          TestTensors.doubles(result.rewardMean()),
          DOUBLE,
          name);
    }
  }

  @Test
  void lossesGradientsAndMetricsEqualTrl() {
    Map<String, Integer> cases = new TreeMap<>();
    for (JsonNode c : golden.get("cases")) {
      String kind = c.get("kind").asText();
      int number = cases.merge(kind, 1, Integer::sum);
      try (PointerScope scope = new PointerScope()) {
        equalsGolden(c, kind + " case " + number);
      }
    }
    assertEquals("{apo_zero_unpaired=10, bco=8, kto=11}", cases.toString());
  }
}
