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
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.PolicyImportance;
import org.equipoise.kernels.PolicyKl;
import org.equipoise.kernels.PolicyNormalizer;
import org.equipoise.kernels.PolicySurrogate;
import org.equipoise.kernels.SamplerCorrection;
import org.junit.jupiter.api.Test;

/**
 * Losses and gradients equal to TRL 1.13's own lines and to verl's formulas, in double precision;
 * policy_golden.py beside the JSON made the values.
 */
class PolicyGoldenTest {
  /** Both sides sum some twenty terms of order 1 in doubles; VESPO exponentiates such a sum. */
  private static final double DOUBLE = 1e-12;

  private static PolicyLoss byName(JsonNode c) {
    return switch (c.get("loss_type").asText()) {
      case "grpo" -> PolicyLoss.grpo();
      case "dr_grpo" -> PolicyLoss.drGrpo(7);
      case "dapo" -> PolicyLoss.dapo();
      case "bnpo" -> PolicyLoss.bnpo();
      case "cispo" -> PolicyLoss.cispo();
      case "cispo_relative" -> PolicyLoss.cispoRelative();
      case "sapo" -> PolicyLoss.sapo();
      case "luspo" -> PolicyLoss.luspo();
      case "vespo" -> PolicyLoss.vespo();
      case "gmpo" -> PolicyLoss.gmpo();
      case "clip" -> PolicyLoss.grpo();
      default -> throw new IllegalArgumentException(c.get("loss_type").asText());
    };
  }

  private static PolicyLoss loss(JsonNode c) {
    PolicyImportance level =
        switch (c.get("level").asText()) {
          case "sequence" -> PolicyImportance.SEQUENCE;
          case "sequence_token" -> PolicyImportance.SEQUENCE_TOKEN;
          default -> PolicyImportance.TOKEN;
        };
    PolicyLoss loss =
        byName(c)
            .importance(level)
            .epsilon(c.get("epsilon").get(0).asDouble(), c.get("epsilon").get(1).asDouble())
            .klBeta(c.get("beta").asDouble());
    // TRL reads delta for the clipped losses only.
    if (!c.get("delta").isNull() && isClipped(loss)) {
      loss = loss.dualClip(c.get("delta").asDouble());
    }
    return c.get("source").asText().equals("verl") ? verl(loss, c) : trl(loss, c);
  }

  private static boolean isClipped(PolicyLoss loss) {
    return loss.surrogate() == PolicySurrogate.CLIP;
  }

  private static PolicyLoss verl(PolicyLoss loss, JsonNode c) {
    return loss.kl(PolicyKl.valueOf(c.get("kl").asText()))
        .normalizer(
            switch (c.get("aggregation").asText()) {
              case "token-mean" -> PolicyNormalizer.DAPO;
              case "seq-mean-token-sum" -> PolicyNormalizer.LUSPO;
              default -> PolicyNormalizer.GRPO;
            });
  }

  private static PolicyLoss trl(PolicyLoss loss, JsonNode c) {
    PolicyLoss changed =
        loss.klUnbiased(c.get("unbiased").asBoolean())
            .entropyCoefficient(c.get("entropy_coefficient").asDouble());
    if (!c.get("off_policy").isNull()) {
      changed = changed.offPolicyThreshold(c.get("off_policy").asDouble());
    }
    if (c.get("correction").isNull()) {
      return changed;
    }
    String[] correction = c.get("correction").asText().toUpperCase(Locale.ROOT).split("_");
    JsonNode limits = c.get("limits");
    return changed
        .samplerCorrection(
            SamplerCorrection.valueOf(correction[1]), PolicyImportance.valueOf(correction[0]))
        .samplerLimits(
            limits.get(0).isNull() ? 0 : limits.get(0).asDouble(), limits.get(1).asDouble());
  }

  private static PolicyBatch<Tensor> batch(
      JsonNode c, Tensor logProbs, Tensor entropy, Tensor mask) {
    PolicyBatch<Tensor> batch =
        PolicyBatch.of(logProbs, Golden.tensor(c.get("advantages")), mask)
            .old(Golden.tensor(c.get("old")))
            .reference(Golden.tensor(c.get("reference")));
    if (c.get("source").asText().equals("verl")) {
      return batch;
    }
    boolean selects = !c.get("threshold").isNull();
    Tensor threshold =
        selects
            ? TestTensors.of(ScalarType.Double, new double[] {c.get("threshold").asDouble()}, 1)
            : null;
    if (selects || c.get("entropy_coefficient").asDouble() != 0) {
      batch = batch.entropy(entropy, threshold);
    }
    return c.get("correction").isNull() ? batch : batch.sampler(Golden.tensor(c.get("sampler")));
  }

  private static void equalsGolden(JsonNode c, Tensor mask, String name) {
    Tensor logProbs = Golden.tensor(c.get("log_probs")).set_requires_grad(true);
    Tensor entropy = Golden.tensor(c.get("entropy")).set_requires_grad(true);
    PolicyLoss.Result result = loss(c).apply(batch(c, logProbs, entropy, mask));
    assertEquals(c.get("loss").asDouble(), TestTensors.scalar(result.loss()), DOUBLE, name);
    result.backward();
    assertArrayEquals(
        Golden.doubles(c.get("gradient")), TestTensors.doubles(logProbs.grad()), DOUBLE, name);
    if (!c.get("entropy_gradient").isNull()) {
      assertArrayEquals(
          Golden.doubles(c.get("entropy_gradient")),
          TestTensors.doubles(entropy.grad()),
          DOUBLE,
          name);
    }
    if (!c.get("clipped").isNull()) {
      PolicyMetrics metrics = result.metrics();
      assertEquals(c.get("clipped").get(0).asDouble(), metrics.clipLow(), DOUBLE, name);
      assertEquals(c.get("clipped").get(1).asDouble(), metrics.clipHigh(), DOUBLE, name);
    }
  }

  @Test
  void lossesAndGradientsEqualThePeers() throws IOException {
    JsonNode golden;
    try (InputStream stream = getClass().getResourceAsStream("policy_golden.json")) {
      golden = new ObjectMapper().readTree(stream);
    }
    Map<String, Integer> cases = new TreeMap<>();
    for (JsonNode c : golden.get("cases")) {
      String loss = c.get("source").asText() + " " + c.get("loss_type").asText();
      int number = cases.merge(loss, 1, Integer::sum);
      try (PointerScope scope = new PointerScope()) {
        Tensor mask = Golden.tensor(golden.get("mask")).to(ScalarType.Bool);
        equalsGolden(c, mask, loss + " case " + number);
      }
    }
    assertEquals(
        "{TRL 1.13.0 bnpo=17, TRL 1.13.0 cispo=18, TRL 1.13.0 dapo=18, TRL 1.13.0 dr_grpo=19, "
            + "TRL 1.13.0 gmpo=12, TRL 1.13.0 grpo=17, TRL 1.13.0 luspo=16, TRL 1.13.0 sapo=17, "
            + "TRL 1.13.0 vespo=12, verl cispo_relative=12, verl clip=72}",
        cases.toString());
  }
}
