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
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairDivergence;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.kernels.PairTerm;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Losses and gradients equal to TRL 1.13's own lines and, where it has none, to papers' formulas,
 * in double precision; pair_golden.py beside the JSON made the values.
 */
class PairGoldenTest {
  /**
   * Both sides sum some ten terms of order 1 in doubles, alpha divergences exponentiate such sums:
   * relative to values of up to some hundred.
   */
  private static final double DOUBLE = 1e-12;

  private static final int PAIRS = 4;

  private static JsonNode golden;

  @BeforeAll
  static void read() throws IOException {
    try (InputStream stream = PairGoldenTest.class.getResourceAsStream("pair_golden.json")) {
      golden = new ObjectMapper().readTree(stream);
    }
  }

  private static PairTerm[] terms(JsonNode c) {
    PairTerm[] terms = new PairTerm[c.get("kinds").size()];
    for (int k = 0; k < terms.length; k++) {
      String kind = c.get("kinds").get(k).asText().toUpperCase(Locale.ROOT);
      terms[k] = new PairTerm(PairLossKind.valueOf(kind), c.get("weights").get(k).asDouble());
    }
    return terms;
  }

  private static PairLoss loss(JsonNode c) {
    PairLoss loss =
        PairLoss.sum(terms(c))
            .beta(c.get("beta").asDouble())
            .labelSmoothing(c.get("label_smoothing").asDouble())
            .ldAlpha(c.get("ld_alpha").isNull() ? 1 : c.get("ld_alpha").asDouble())
            .simpoGamma(c.get("gamma").asDouble())
            .simpoAlpha(c.get("alpha_po").asDouble())
            .discopopTau(c.get("tau").asDouble());
    return switch (c.get("divergence").asText()) {
      case "reverse_kl" -> loss.divergence(PairDivergence.REVERSE_KL);
      case "forward_kl" -> loss.divergence(PairDivergence.FORWARD_KL);
      case "js_divergence" -> loss.divergence(PairDivergence.JS);
      default -> loss.alphaDivergence(c.get("divergence_alpha").asDouble());
    };
  }

  private static Tensor chosen(Tensor both) {
    return both.narrow(0, 0, PAIRS);
  }

  private static Tensor rejected(Tensor both) {
    return both.narrow(0, PAIRS, PAIRS);
  }

  private static Tensor mask(JsonNode c) {
    return Golden.mask(golden.get("masks").get(c.get("mask").asInt()));
  }

  private static PairBatch<Tensor> batch(JsonNode c, Tensor policy) {
    Tensor mask = mask(c);
    PairBatch<Tensor> batch =
        PairBatch.of(chosen(policy), rejected(policy), chosen(mask), rejected(mask));
    if (!c.get("reference").isNull()) {
      Tensor reference = Golden.tensor(c.get("reference"));
      batch = batch.reference(chosen(reference), rejected(reference));
    }
    return c.has("pair_weights") ? batch.weights(Golden.tensor(c.get("pair_weights"))) : batch;
  }

  private static void equalsNumbers(JsonNode expected, Tensor found, double scale, String name) {
    assertArrayEquals(
        Golden.doubles(expected), TestTensors.doubles(found), DOUBLE * Math.max(1, scale), name);
  }

  private static void equalsGolden(JsonNode c, String name) {
    Tensor policy = Golden.tensor(c.get("policy")).set_requires_grad(true);
    PairLoss.Result result = loss(c).apply(batch(c, policy));
    double expected = c.get("loss").asDouble();
    double scale = Math.max(1, Math.abs(expected));
    assertEquals(expected, TestTensors.scalar(result.loss()), DOUBLE * scale, name);
    result.backward();
    equalsNumbers(c.get("gradient"), policy.grad(), scale, name);
  }

  @Test
  void lossesAndGradientsEqualThePeers() {
    Map<String, Integer> cases = new TreeMap<>();
    for (JsonNode c : golden.get("cases")) {
      StringBuilder name = new StringBuilder(c.get("source").asText());
      c.get("kinds").forEach(kind -> name.append(' ').append(kind.asText()));
      int number = cases.merge(name.toString(), 1, Integer::sum);
      try (PointerScope scope = new PointerScope()) {
        equalsGolden(c, name + " case " + number);
      }
    }
    assertEquals(
        "{cdpo sigmoid=4, trl cpo cpo=2, trl cpo cpo sft=6, trl cpo hinge=2, trl cpo hinge sft=6,"
            + " trl cpo ipo=2, trl cpo ipo sft=6, trl cpo simpo=4, trl cpo simpo sft=10, trl dpo"
            + " aot=12, trl dpo aot aot_unpaired apo_zero=2, trl dpo aot_unpaired=12, trl dpo"
            + " apo_down=7, trl dpo apo_zero=7, trl dpo bco_pair=7, trl dpo discopop=18, trl dpo"
            + " exo_pair=19, trl dpo hinge=18, trl dpo ipo=18, trl dpo ipo hinge robust=2, trl dpo"
            + " nca_pair=7, trl dpo robust=19, trl dpo sft=18, trl dpo sigmoid=18, trl dpo sigmoid"
            + " bco_pair sft=2, trl dpo sigmoid sft=2, trl dpo sigmoid_norm=18, trl dpo"
            + " sppo_hard=7, trl orpo sft orpo=2}",
        cases.toString());
  }

  @Test
  void mdpoEqualsThePapersFormula() {
    for (JsonNode c : golden.get("mdpo")) {
      try (PointerScope scope = new PointerScope()) {
        Tensor policy = Golden.tensor(c.get("policy")).set_requires_grad(true);
        Tensor other = Golden.tensor(c.get("other")).set_requires_grad(true);
        JsonNode w = c.get("weights");
        MdpoLoss.Result result =
            MdpoLoss.mdpo()
                .beta(c.get("beta").asDouble())
                .weights(w.get(0).asDouble(), w.get(1).asDouble(), w.get(2).asDouble())
                .apply(batch(c, policy), other, Golden.tensor(c.get("other_reference")));
        assertEquals(c.get("loss").asDouble(), TestTensors.scalar(result.loss()), DOUBLE);
        result.backward();
        equalsNumbers(c.get("gradient"), policy.grad(), 1, "answers");
        equalsNumbers(c.get("other_gradient"), other.grad(), 1, "other image");
      }
    }
    assertEquals(3, golden.get("mdpo").size());
  }

  /** The policy is p over the token and 1 - p over one other. */
  @Test
  void wpoWeightsEqualTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("cases")) {
      if (!c.has("pair_weights")) {
        continue;
      }
      try (PointerScope scope = new PointerScope()) {
        Tensor logProbs = Golden.tensor(c.get("policy"));
        Tensor p = logProbs.exp();
        Tensor rest = p.neg().add(new Scalar(1.0));
        Tensor twice = p.mul(p).add(rest.mul(rest)).log();
        Tensor mask = mask(c);
        Tensor unmasked = logProbs.masked_fill(mask.logical_not(), new Scalar(Double.NaN));
        Tensor weights = WpoWeights.of(unmasked, logProbs.sub(logProbs), twice, mask);
        equalsNumbers(
            c.get("pair_weights"), chosen(weights).mul(rejected(weights)), 1, "case " + cases);
      }
      cases++;
    }
    assertEquals(94, cases);
  }

  /** From logits, in one pass of the op. */
  @Test
  void wpoWeightsFromLogits() {
    try (PointerScope scope = new PointerScope()) {
      Tensor logits =
          TestTensors.of(ScalarType.Float, TestTensors.gaussian(5, 6 * 11, 1.5, 0), 6, 11);
      Tensor targets = TestTensors.longs(new long[] {0, 3, 10, 7, 7, 2});
      Tensor mask = TestTensors.mask(new int[] {1, 1, 0, 1, 1, 1}, 2, 3);
      TokenLogProbs p =
          TokenLogProbs.forward(TokenLogProbsOptions.defaults().logSumExp2x(true), logits, targets);
      Tensor found =
          WpoWeights.of(
              p.values().view(2, 3), p.logSumExp().view(2, 3), p.logSumExp2x().view(2, 3), mask);
      double[] z = TestTensors.doubles(logits);
      double[] m = TestTensors.doubles(mask);
      int[] target = {0, 3, 10, 7, 7, 2};
      double[] sums = new double[2];
      double[] lengths = new double[2];
      for (int row = 0; row < 6; row++) {
        double sum = 0;
        double squares = 0;
        for (int v = 0; v < 11; v++) {
          sum += Math.exp(z[11 * row + v]);
          squares += Math.exp(2 * z[11 * row + v]);
        }
        double aligned =
            z[11 * row + target[row]] - Math.log(sum) - Math.log(squares / (sum * sum));
        sums[row / 3] += m[row] * aligned;
        lengths[row / 3] += m[row];
      }
      double[] expected = {Math.exp(sums[0] / lengths[0]), Math.exp(sums[1] / lengths[1])};
      assertArrayEquals(expected, TestTensors.doubles(found), 1e-5);
    }
  }
}
