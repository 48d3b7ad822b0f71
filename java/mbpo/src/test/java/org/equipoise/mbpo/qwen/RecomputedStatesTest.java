package org.equipoise.mbpo.qwen;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same numbers whether a pass keeps everything or computes it anew. */
class RecomputedStatesTest {
  @TempDir Path folder;

  static List<String> cases() {
    return QwenGolden.NAMES;
  }

  private record Passed(float[] logits, Map<String, float[]> gradients) {}

  private static Passed pass(QwenGolden golden, QwenModel model, boolean recompute) {
    try (PointerScope scope = new PointerScope()) {
      model.recomputeActivations(recompute);
      QwenGolden.clearGradients(model);
      List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
      AnswerStates states = model.forward(golden.batch(images), golden.sequences());
      assertEquals(recompute, states instanceof RecomputedStates);
      Tensor logits = states.logits();
      logits.mul(logits).sum().backward();
      states.backwardThrough();
      return new Passed(HostTensors.toFloats(logits), QwenGolden.gradients(model));
    }
  }

  private static void assertSame(QwenGolden golden, QwenModel model) {
    Passed kept = pass(golden, model, false);
    Passed recomputed = pass(golden, model, true);
    assertArrayEquals(kept.logits, recomputed.logits);
    kept.gradients.forEach(
        // Gradients of weights used twice (a tied head) are added in another order.
        (name, gradient) ->
            QwenGolden.assertClose(gradient, recomputed.gradients.get(name), 1e-6f, name));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void allWeights(String name) {
    try (PointerScope scope = new PointerScope()) {
      QwenGolden golden = new QwenGolden(name, folder);
      try (QwenModel model = golden.model()) {
        assertSame(golden, model);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void adapters(String name) {
    try (PointerScope scope = new PointerScope()) {
      QwenGolden golden = new QwenGolden(name, folder);
      try (QwenModel model = golden.withAdapters(LoraOptions.defaults().withRank(2))) {
        try (NoGradGuard noGrad = new NoGradGuard()) {
          model
              .parameters()
              .values()
              .forEach(tensor -> tensor.add_(HostTensors.floats(new float[] {0.02f}, 1)));
        }
        assertSame(golden, model);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void anAttackKeepsTheGraphOfThePixels(String name) {
    try (PointerScope scope = new PointerScope()) {
      QwenGolden golden = new QwenGolden(name, folder);
      try (QwenModel model = golden.model()) {
        model.recomputeActivations(true);
        List<Tensor> images = golden.images();
        AnswerStates states = model.forward(golden.batch(images), golden.sequences());
        states.logits().sum().backward();
        assertTrue(images.get(0).grad().abs().max().item_float() > 0);
        try (NoGradGuard noGrad = new NoGradGuard()) {
          AnswerStates asked =
              model.forward(
                  golden.batch(images.stream().map(Tensor::detach).toList()), golden.sequences());
          assertTrue(!(asked instanceof RecomputedStates), "nothing to go back to");
        }
      }
    }
  }
}
