package org.equipoise.mbpo.lora;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LoraAdaptersTest {
  private static final String Q = "model.language_model.layers.0.self_attn.q_proj";
  private static final String GATE = "model.language_model.layers.1.mlp.gate_proj";
  private static final int IN = 6;
  private static final int OUT = 4;
  private static final int TOKENS = 3;
  private static final LoraOptions OPTIONS =
      LoraOptions.defaults().withRank(2).withAlpha(3).withSeed(5);

  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static float[] values(String name, int count) {
    KeyedRandom random = KeyedRandom.of(9, name);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.gaussian(0, 0, i);
    }
    return values;
  }

  private static Tensor matrix(String name, int rows, int columns) {
    return HostTensors.floats(values(name, rows * columns), rows, columns);
  }

  private static Map<String, Tensor> weights() {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    for (String path :
        List.of(
            "model.visual.blocks.0.mlp.gate_proj",
            Q,
            "model.language_model.layers.0.self_attn.q_proj_extra",
            GATE,
            "model.language_model.embed_tokens",
            "lm_head")) {
      weights.put(path + ".weight", matrix(path, OUT, IN));
    }
    weights.put(Q + ".bias", HostTensors.floats(values("bias", OUT), OUT));
    return weights;
  }

  private static LoraAdapters trained(Map<String, Tensor> weights) {
    LoraAdapters adapters = LoraAdapters.create(OPTIONS, weights);
    try (NoGradGuard noGrad = new NoGradGuard()) {
      adapters
          .parameters()
          .forEach(
              (name, tensor) ->
                  tensor.copy_(matrix(name, (int) tensor.size(0), (int) tensor.size(1))));
    }
    return adapters;
  }

  @Test
  void onlyTheLanguageModelsProjectionsAreMeant() {
    assertEquals(List.of(Q, GATE), LoraAdapters.paths(OPTIONS, weights()));
    try (LoraAdapters adapters = LoraAdapters.create(OPTIONS, weights())) {
      assertEquals(
          List.of(
              Q + ".lora_A.weight",
              Q + ".lora_B.weight",
              GATE + ".lora_A.weight",
              GATE + ".lora_B.weight"),
          List.copyOf(adapters.parameters().keySet()));
    }
  }

  @Test
  void aFreshAdapterChangesNothingAndLearnsFromB() {
    Map<String, Tensor> weights = weights();
    try (LoraAdapters adapters = LoraAdapters.create(OPTIONS, weights)) {
      Tensor x = matrix("x", TOKENS, IN);
      Tensor y = x.matmul(weights.get(Q + ".weight").t());
      Tensor adapted = adapters.add(Q, x, y);
      assertArrayEquals(HostTensors.toFloats(y), HostTensors.toFloats(adapted));
      adapted.sum().backward();
      Tensor a = adapters.parameters().get(Q + ".lora_A.weight");
      assertEquals(0, a.grad().abs().max().item_float());
      Tensor b = adapters.parameters().get(Q + ".lora_B.weight");
      assertTrue(b.grad().abs().max().item_float() > 0);
      double bound = 1 / Math.sqrt(IN);
      double largest = a.detach().abs().max().item_float();
      assertTrue(largest <= bound && largest > bound / 2, "uniform in ±1/√in, largest " + largest);
    }
  }

  @Test
  void outputIsTheFormulaInDoubles() {
    Map<String, Tensor> weights = weights();
    try (LoraAdapters adapters = trained(weights)) {
      float[] x = values("x", TOKENS * IN);
      float[] a = values(Q + ".lora_A.weight", 2 * IN);
      float[] b = values(Q + ".lora_B.weight", OUT * 2);
      float[] w = values(Q, OUT * IN);
      float[] expected = new float[TOKENS * OUT];
      for (int t = 0; t < TOKENS; t++) {
        for (int o = 0; o < OUT; o++) {
          double sum = 0;
          for (int i = 0; i < IN; i++) {
            double delta = 0;
            for (int r = 0; r < 2; r++) {
              delta += (double) b[o * 2 + r] * a[r * IN + i];
            }
            sum += x[t * IN + i] * (w[o * IN + i] + 1.5 * delta);
          }
          expected[t * OUT + o] = (float) sum;
        }
      }
      Tensor input = HostTensors.floats(x, TOKENS, IN);
      Tensor weight = weights.get(Q + ".weight");
      // Some ten products of order 1 in float32.
      Tensor added = adapters.add(Q, input, input.matmul(weight.t()));
      assertArrayEquals(expected, HostTensors.toFloats(added), 1e-5f);
      Tensor merged = input.matmul(adapters.merged(Q, weight).t());
      assertArrayEquals(expected, HostTensors.toFloats(merged), 1e-5f);
    }
  }

  @Test
  void theBasesTypeIsKeptAndTheAdapterIsFloat32() {
    try (LoraAdapters adapters = trained(weights())) {
      Tensor x = matrix("x", TOKENS, IN).to(ScalarType.BFloat16);
      Tensor weight = weights().get(Q + ".weight").to(ScalarType.BFloat16);
      Tensor y = adapters.add(Q, x, x.matmul(weight.t()));
      assertEquals(ScalarType.BFloat16, y.scalar_type().intern());
      assertEquals(ScalarType.BFloat16, adapters.merged(Q, weight).scalar_type().intern());
      y.sum().backward();
      for (Tensor parameter : adapters.parameters().values()) {
        assertEquals(ScalarType.Float, parameter.scalar_type().intern());
      }
      assertTrue(
          adapters.parameters().get(Q + ".lora_A.weight").grad().abs().max().item_float() > 0);
    }
  }

  @Test
  void layersWithoutAdapterPassThrough() {
    try (LoraAdapters adapters = trained(weights())) {
      Tensor y = matrix("y", TOKENS, OUT);
      assertSame(y, adapters.add("lm_head", matrix("x", TOKENS, IN), y));
      assertSame(y, adapters.merged("lm_head", y));
    }
  }

  @Test
  void aFrozenCopyStaysWhenTheAdapterIsTrained() {
    try (LoraAdapters adapters = trained(weights());
        LoraAdapters copy = adapters.frozenCopy()) {
      Tensor x = matrix("x", TOKENS, IN);
      Tensor zero = HostTensors.floats(new float[TOKENS * OUT], TOKENS, OUT);
      float[] before = HostTensors.toFloats(copy.add(Q, x, zero));
      try (NoGradGuard noGrad = new NoGradGuard()) {
        adapters.parameters().values().forEach(Tensor::zero_);
      }
      assertArrayEquals(before, HostTensors.toFloats(copy.add(Q, x, zero)));
      assertFalse(copy.add(Q, x, zero).requires_grad());
    }
  }

  @Test
  void errorsSayWhatIsWrong() {
    String none =
        assertThrows(
                IllegalArgumentException.class,
                () -> LoraAdapters.create(OPTIONS.withTargets("layers\\.0"), weights()))
            .getMessage();
    assertTrue(none.contains("layers\\.0") && none.contains("gate_proj"), none);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> OPTIONS.withTargets("("))
            .getMessage()
            .contains("regular expression"));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withRank(0));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withAlpha(0));
  }
}
