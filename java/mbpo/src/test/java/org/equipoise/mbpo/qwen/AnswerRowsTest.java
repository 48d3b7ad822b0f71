package org.equipoise.mbpo.qwen;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Answers to one prompt about the same images share its row, and no number changes. */
class AnswerRowsTest {
  /**
   * Of the largest value. The same float32 products summed in another order: at most 7.3e-6 was
   * found, in the bias of a key projection, whose parts nearly cancel; the rest is for other
   * instruction sets.
   */
  private static final float TOLERANCE = 2e-5f;

  @TempDir Path folder;

  static List<String> cases() {
    return QwenGolden.NAMES;
  }

  /** Logits and the gradients of their squares' sum. */
  private record Passed(float[] logits, Map<String, float[]> gradients) {}

  /** To each golden prompt its own answer, one of a single token, which reads nothing, and one. */
  private static List<TokenSequence> answers(QwenGolden golden) {
    List<TokenSequence> sequences = new ArrayList<>(golden.sequences());
    for (TokenSequence own : golden.sequences()) {
      sequences.add(new TokenSequence(own.prompt(), new int[] {QwenGolden.STOP}));
    }
    for (TokenSequence own : golden.sequences()) {
      sequences.add(new TokenSequence(own.prompt(), new int[] {7, 3, 11, 5, 2, QwenGolden.STOP}));
    }
    return sequences;
  }

  /** As many times each golden row's images as {@link #answers} has answers to it. */
  private static ImageBatch batch(QwenGolden golden, List<Tensor> images, boolean shared) {
    List<Tensor> placed = new ArrayList<>();
    for (int answer = 0; answer < 3; answer++) {
      for (int row = 0; row < golden.rows(); row++) {
        for (Tensor image : golden.imagesOf(row, images)) {
          placed.add(shared ? image : image.clone());
        }
      }
    }
    return ImageBatch.of(placed);
  }

  private static Passed pass(
      QwenGolden golden, QwenModel model, boolean shared, boolean recompute) {
    try (PointerScope scope = new PointerScope()) {
      model.recomputeActivations(recompute);
      QwenGolden.clearGradients(model);
      List<Tensor> images = golden.images();
      List<Tensor> seen = recompute ? images.stream().map(Tensor::detach).toList() : images;
      AnswerStates states = model.forward(batch(golden, seen, shared), answers(golden));
      Tensor logits = states.logits();
      logits.mul(logits).sum().backward();
      states.backwardThrough();
      Map<String, float[]> gradients = QwenGolden.gradients(model);
      if (!recompute) {
        for (int i = 0; i < images.size(); i++) {
          gradients.put("pixels " + i, HostTensors.toFloats(images.get(i).grad()));
        }
      }
      return new Passed(HostTensors.toFloats(logits), gradients);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sharedPromptsGiveTheSameLogitsAndGradients(String name) {
    try (PointerScope scope = new PointerScope()) {
      QwenGolden golden = new QwenGolden(name, folder);
      try (QwenModel model = golden.model()) {
        Passed alone = pass(golden, model, false, false);
        for (boolean recompute : new boolean[] {false, true}) {
          Passed together = pass(golden, model, true, recompute);
          QwenGolden.assertClose(alone.logits, together.logits, TOLERANCE, "logits");
          together.gradients.forEach(
              (weight, gradient) ->
                  QwenGolden.assertClose(alone.gradients.get(weight), gradient, TOLERANCE, weight));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void onlyTheSameImagesAreShared(String name) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      QwenGolden golden = new QwenGolden(name, folder);
      Tensor like = HostTensors.floats(new float[1], 1);
      List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
      for (boolean shared : new boolean[] {true, false}) {
        AnswerRows rows =
            new AnswerRows(golden.config(), batch(golden, images, shared), answers(golden), like);
        int withoutImages = 0;
        for (int row = 0; row < golden.rows(); row++) {
          withoutImages += golden.imagesOf(row, images).isEmpty() ? 1 : 0;
        }
        int alone = withoutImages + 3 * (golden.rows() - withoutImages);
        assertEquals(shared ? golden.rows() : alone, rows.rows().size());
      }
    }
  }

  /** A model that has not learnt when to stop may say the image's placeholder. */
  @ParameterizedTest
  @MethodSource("cases")
  void anImagePlaceholderInAnAnswerIsAWord(String name) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      QwenGolden golden = new QwenGolden(name, folder);
      try (QwenModel model = golden.model()) {
        int placeholder = golden.config().imageToken();
        int[] answer = {5, placeholder, placeholder, QwenGolden.STOP};
        TokenSequence sequence = new TokenSequence(golden.sequences().get(0).prompt(), answer);
        List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
        Tensor logits =
            model.forward(ImageBatch.of(golden.imagesOf(0, images)), List.of(sequence)).logits();
        assertEquals(answer.length, logits.size(0));
      }
    }
  }
}
