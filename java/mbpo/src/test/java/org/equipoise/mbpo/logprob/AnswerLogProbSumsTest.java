package org.equipoise.mbpo.logprob;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.junit.jupiter.api.Test;

class AnswerLogProbSumsTest {
  /** Two tokens of the toy's vocabulary at a time. */
  private static final long SMALL_BUDGET = 2L * 4 * new ToyModel(3).tokenizer().vocabularySize();

  private static final List<Sample> SAMPLES = ToyTask.samples("s", 5, 0.5, 1);

  private record Attacked(float[] sums, List<float[]> pixelGradients) {}

  private static Attacked attack(long budget) {
    try (PointerScope scope = new PointerScope();
        ToyModel model = new ToyModel(3)) {
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), SAMPLES);
      List<Tensor> images = new ArrayList<>();
      for (Images image : AnswerLogProbs.images(model, SAMPLES)) {
        images.add(image.only().toTensor().set_requires_grad(true));
      }
      Tensor sums =
          AnswerLogProbSums.of(model.forward(ImageBatch.of(images), sequences), sequences, budget);
      sums.sum().backward();
      return new Attacked(
          HostTensors.toFloats(sums.detach()),
          images.stream().map(image -> HostTensors.toFloats(image.grad())).toList());
    }
  }

  @Test
  void wholeLogitsAndABudgetOfThemAgreeWithTheLogProbs() {
    Attacked whole = attack(AnswerLogProbs.LOGIT_BUDGET);
    Attacked chunked = attack(SMALL_BUDGET);
    assertArrayEquals(whole.sums, chunked.sums, 1e-5f);
    for (int i = 0; i < SAMPLES.size(); i++) {
      float[] gradient = whole.pixelGradients.get(i);
      float largest = 0;
      for (float value : gradient) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertTrue(largest > 0, "pixels have a gradient");
      assertArrayEquals(gradient, chunked.pixelGradients.get(i), 1e-5f * largest);
    }
    try (ToyModel model = new ToyModel(3)) {
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), SAMPLES);
      List<float[]> tokens =
          new AnswerLogProbs(model, 2)
              .tokenLogProbs(
                  AnswerLogProbs.images(model, SAMPLES), sequences, AnswerLogProbs.Sight.IMAGE);
      float[] sums = new float[tokens.size()];
      for (int i = 0; i < sums.length; i++) {
        for (float value : tokens.get(i)) {
          sums[i] += value;
        }
      }
      assertArrayEquals(sums, whole.sums, 1e-5f);
    }
  }

  @Test
  void withoutGradientNothingIsAttached() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard();
        ToyModel model = new ToyModel(3)) {
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), SAMPLES);
      ImageBatch images = ImageBatch.ofQuestions(AnswerLogProbs.images(model, SAMPLES));
      for (long budget : new long[] {SMALL_BUDGET, AnswerLogProbs.LOGIT_BUDGET}) {
        Tensor sums = AnswerLogProbSums.of(model.forward(images, sequences), sequences, budget);
        assertFalse(sums.requires_grad());
      }
    }
  }
}
