package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairLossKind;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Equality with TRL 1.13, in double precision; trl_golden.py beside the JSON made the values. */
class TrlGoldenTest {
  /** Both sides sum some ten terms of order 1 in doubles. */
  private static final double DOUBLE = 1e-13;

  private JsonNode golden;
  private PointerScope scope;

  @BeforeEach
  void open() throws IOException {
    try (InputStream stream = getClass().getResourceAsStream("trl_golden.json")) {
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

  private static Tensor mask(JsonNode node) {
    return tensor(node).to(ScalarType.Bool);
  }

  @Test
  void policyLossesAndGradientsEqualTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("policy")) {
      PolicyLoss base =
          switch (c.get("loss_type").asText()) {
            case "grpo" -> PolicyLoss.grpo();
            case "dr_grpo" -> PolicyLoss.drGrpo(c.get("length").asDouble());
            default -> PolicyLoss.dapo();
          };
      Tensor logProbs = tensor(c.get("log_probs")).set_requires_grad(true);
      PolicyLoss.Result result =
          base.epsilon(c.get("low").asDouble(), c.get("high").asDouble())
              .klBeta(c.get("beta").asDouble())
              .apply(
                  logProbs,
                  tensor(c.get("old")),
                  tensor(c.get("reference")),
                  tensor(c.get("advantages")),
                  mask(c.get("mask")));
      String name = "case " + cases + " " + c.get("loss_type").asText();
      assertEquals(c.get("loss").asDouble(), TestTensors.scalar(result.loss()), DOUBLE, name);
      result.backward();
      assertArrayEquals(
          doubles(c.get("gradient")), TestTensors.doubles(logProbs.grad()), DOUBLE, name);
      cases++;
    }
    assertEquals(18, cases);
  }

  @Test
  void pairLossesAndGradientsEqualTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("pairs")) {
      PairLossKind kind =
          PairLossKind.valueOf(c.get("loss_type").asText().toUpperCase(Locale.ROOT));
      Tensor chosen = tensor(c.get("chosen")).set_requires_grad(true);
      Tensor rejected = tensor(c.get("rejected")).set_requires_grad(true);
      PairLoss.Result result =
          PairLoss.of(kind)
              .beta(c.get("beta").asDouble())
              .apply(
                  chosen,
                  rejected,
                  tensor(c.get("reference_chosen")),
                  tensor(c.get("reference_rejected")),
                  mask(c.get("mask_chosen")),
                  mask(c.get("mask_rejected")));
      String name = kind + " case " + cases;
      double expected = c.get("loss").asDouble();
      // ipo squares 1/(2 beta) = 5: values near 25 with relative error of doubles.
      assertEquals(
          expected, TestTensors.scalar(result.loss()), DOUBLE * Math.max(1, expected), name);
      result.backward();
      assertArrayEquals(
          doubles(c.get("d_chosen")), TestTensors.doubles(chosen.grad()), 1e-12, name);
      assertArrayEquals(
          doubles(c.get("d_rejected")), TestTensors.doubles(rejected.grad()), 1e-12, name);
      cases++;
    }
    assertEquals(6, cases);
    assertTrue(golden.get("trl").asText().startsWith("1.13"));
  }
}
