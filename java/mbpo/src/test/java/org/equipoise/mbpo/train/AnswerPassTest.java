package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PairBatch;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.torch.PairLoss;
import org.equipoise.torch.ScalarLoss;
import org.junit.jupiter.api.Test;

/** Logits held whole and logits within a budget give the same losses and gradients. */
class AnswerPassTest {
  /** Two tokens of the toy's vocabulary at a time. */
  private static final long SMALL_BUDGET = 2L * 4 * new ToyModel(3).tokenizer().vocabularySize();

  private static final double SHARE = 0.5;
  private static final List<Sample> SAMPLES = ToyTask.samples("s", 6, 0.5, 1);

  private record Trained(float loss, Map<String, float[]> gradients, List<float[]> logProbs) {}

  private static Trained train(long budget, Function<AnswerPass, ScalarLoss> backward) {
    try (PointerScope scope = new PointerScope();
        ToyModel model = new ToyModel(3)) {
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), SAMPLES);
      ImageBatch images = ImageBatch.ofQuestions(AnswerLogProbs.images(model, SAMPLES));
      AnswerPass pass = new AnswerPass(model, images, sequences, budget);
      ScalarLoss loss = backward.apply(pass);
      Map<String, float[]> gradients = new LinkedHashMap<>();
      model
          .parameters()
          .forEach((name, tensor) -> gradients.put(name, HostTensors.toFloats(tensor.grad())));
      return new Trained(loss.loss().item_float(), gradients, pass.read());
    }
  }

  private static void assertSame(Function<AnswerPass, ScalarLoss> backward) {
    Trained whole = train(AnswerLogProbs.LOGIT_BUDGET, backward);
    Trained chunked = train(SMALL_BUDGET, backward);
    assertEquals(whole.loss, chunked.loss, 1e-5f);
    whole.gradients.forEach(
        (name, gradient) -> {
          double largest = 0;
          for (float value : gradient) {
            largest = Math.max(largest, Math.abs(value));
          }
          assertTrue(largest > 0, name + " has a gradient");
          // Sums of some ten products in another order.
          assertArrayEquals(gradient, chunked.gradients.get(name), (float) (1e-5 * largest), name);
        });
    for (int i = 0; i < whole.logProbs.size(); i++) {
      assertArrayEquals(whole.logProbs.get(i), chunked.logProbs.get(i), 1e-5f);
    }
  }

  @Test
  void tokenwiseLoss() {
    assertSame(
        pass ->
            pass.backwardTokenwise(
                SHARE,
                logProbs -> {
                  Tensor sum = logProbs.sum().neg();
                  return () -> sum;
                }));
  }

  @Test
  void lossThatCouplesTokens() {
    assertSame(
        pass ->
            pass.backward(
                SHARE,
                packed -> {
                  Tensor rows = pass.grid().arrange(packed);
                  Tensor mask = pass.grid().mask();
                  return PairLoss.simPo()
                      .apply(
                          PairBatch.of(
                              rows.narrow(0, 0, 3),
                              rows.narrow(0, 3, 3),
                              mask.narrow(0, 0, 3),
                              mask.narrow(0, 3, 3)));
                }));
  }
}
