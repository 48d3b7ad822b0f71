package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
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

  @Test
  void pairLossesAndGradientsEqualTrl() {
    int cases = 0;
    for (JsonNode c : golden.get("pairs")) {
      PairLossKind kind =
          PairLossKind.valueOf(c.get("loss_type").asText().toUpperCase(Locale.ROOT));
      Tensor chosen = Golden.tensor(c.get("chosen")).set_requires_grad(true);
      Tensor rejected = Golden.tensor(c.get("rejected")).set_requires_grad(true);
      PairLoss.Result result =
          PairLoss.of(kind)
              .beta(c.get("beta").asDouble())
              .apply(
                  chosen,
                  rejected,
                  Golden.tensor(c.get("reference_chosen")),
                  Golden.tensor(c.get("reference_rejected")),
                  Golden.mask(c.get("mask_chosen")),
                  Golden.mask(c.get("mask_rejected")));
      String name = kind + " case " + cases;
      double expected = c.get("loss").asDouble();
      // ipo squares 1/(2 beta) = 5: values near 25 with relative error of doubles.
      assertEquals(
          expected, TestTensors.scalar(result.loss()), DOUBLE * Math.max(1, expected), name);
      result.backward();
      assertArrayEquals(
          Golden.doubles(c.get("d_chosen")), TestTensors.doubles(chosen.grad()), 1e-12, name);
      assertArrayEquals(
          Golden.doubles(c.get("d_rejected")), TestTensors.doubles(rejected.grad()), 1e-12, name);
      cases++;
    }
    assertEquals(6, cases);
    assertTrue(golden.get("trl").asText().startsWith("1.13"));
  }
}
