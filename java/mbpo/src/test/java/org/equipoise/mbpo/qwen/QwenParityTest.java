package org.equipoise.mbpo.qwen;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Equal to transformers 5.17 for tiny random configurations of both architectures. */
class QwenParityTest {
  /**
   * Of the largest value. Both sides compute in float32, whose rounding (6e-8) some ten layers of
   * sums over tens of products in another order carry up; a wrong formula differs in the first
   * digits. Gradients go through twice as many, with cancellation.
   */
  private static final double LOGITS = 1e-4;

  private static final double GRADIENTS = 1e-3;

  /**
   * Some sixty roundings by up to 2^-8 on the way add up like a random walk, to 0.02 or 0.03; the
   * largest of thousands of values is several times that off.
   */
  private static final double SIXTEEN_BITS = 0.1;

  /** Greedy continuations may part where the best two logits are closer than this. */
  private static final float MARGIN = 1e-4f;

  @TempDir Path folder;
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  static List<String> cases() {
    return QwenGolden.NAMES;
  }

  /**
   * @param tolerance of the largest expected value
   */
  private static void assertClose(Tensor expected, Tensor found, double tolerance, String what) {
    float[] wanted = HostTensors.toFloats(expected);
    float[] given = HostTensors.toFloats(found);
    assertEquals(wanted.length, given.length, what);
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < wanted.length; i++) {
      assertTrue(Float.isFinite(given[i]), what + " is finite");
      largest = Math.max(largest, Math.abs(wanted[i]));
      difference = Math.max(difference, Math.abs(wanted[i] - given[i]));
    }
    assertTrue(
        difference <= tolerance * largest,
        what + " differs by " + difference + " of at most " + largest);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void logitsOfAWholeBatchAndOfEachRowAlone(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      List<Tensor> images = golden.images();
      List<TokenSequence> sequences = golden.sequences();
      Tensor logits = model.forward(golden.batch(images), sequences).logits();
      long at = 0;
      for (int row = 0; row < golden.rows(); row++) {
        Tensor expected = golden.get("logits." + row);
        assertClose(expected, logits.narrow(0, at, expected.size(0)), LOGITS, "row " + row);
        at += expected.size(0);
        List<Tensor> own = golden.imagesOf(row, images);
        ImageBatch batch = own.isEmpty() ? null : ImageBatch.of(own);
        List<TokenSequence> sequence = List.of(sequences.get(row));
        Tensor alone = model.forward(batch, sequence).logits();
        assertClose(expected, alone, LOGITS, "row " + row + " alone");
        try (NoGradGuard noGradient = new NoGradGuard()) {
          Tensor single = model.forward(batch, sequence).logits();
          assertClose(expected, single, LOGITS, "row " + row + " alone, without gradient");
          assertTrue(single.is_contiguous());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sixteenBitWeightsComputeWhatTheSameNumbersInFloat32Do(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    List<Tensor> wideImages = golden.images();
    List<Tensor> images = golden.images();
    try (QwenModel wide = golden.rounded(ScalarType.Float);
        QwenModel narrow = golden.rounded(ScalarType.BFloat16)) {
      Tensor expected = wide.forward(golden.batch(wideImages), golden.sequences()).logits();
      Tensor found = narrow.forward(golden.batch(images), golden.sequences()).logits();
      assertEquals(ScalarType.BFloat16.value, found.scalar_type().value);
      assertClose(expected, found.to(ScalarType.Float), SIXTEEN_BITS, "logits");
      weightedSum(golden, expected).backward();
      weightedSum(golden, found.to(ScalarType.Float)).backward();
      for (int i = 0; i < images.size(); i++) {
        Tensor gradient = images.get(i).grad().to(ScalarType.Float);
        assertClose(wideImages.get(i).grad(), gradient, 2 * SIXTEEN_BITS, "image " + i);
      }
      try (NoGradGuard noGradient = new NoGradGuard()) {
        Tensor logits = narrow.forward(golden.batch(images), golden.sequences()).logits();
        assertClose(expected, logits.to(ScalarType.Float), SIXTEEN_BITS, "without gradient");
      }
    }
  }

  private static Tensor weightedSum(QwenGolden golden, Tensor logits) {
    List<Tensor> weights = new ArrayList<>();
    for (int row = 0; row < golden.rows(); row++) {
      Tensor like = golden.get("logits." + row);
      float[] values = new float[(int) like.numel()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Math.sin(i * 0.37 + row);
      }
      weights.add(HostTensors.floats(values, like.size(0), like.size(1)));
    }
    return logits.mul(torch.cat(new TensorVector(weights.toArray(new Tensor[0])), 0)).sum();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsOfPixelsAndOfEveryWeight(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      List<Tensor> images = golden.images();
      Tensor logits = model.forward(golden.batch(images), golden.sequences()).logits();
      weightedSum(golden, logits).backward();
      for (int i = 0; i < images.size(); i++) {
        assertClose(
            golden.get("image_gradient." + i), images.get(i).grad(), GRADIENTS, "image " + i);
      }
      for (Map.Entry<String, Tensor> weight : model.parameters().entrySet()) {
        Tensor gradient = weight.getValue().grad();
        String path = "gradient." + weight.getKey();
        if (gradient.dim() > 1) {
          Tensor matrix = gradient.reshape(gradient.size(0), -1);
          float[] factors = new float[(int) matrix.size(0)];
          for (int row = 0; row < factors.length; row++) {
            factors[row] = (float) Math.cos(row * 0.7);
          }
          Tensor sums = HostTensors.floats(factors, factors.length).matmul(matrix);
          assertClose(golden.get(path + ".sums"), sums, GRADIENTS, path);
          List<Tensor> rows = new ArrayList<>();
          for (long row = 0; row < matrix.size(0); row += 10) {
            rows.add(matrix.narrow(0, row, 1));
          }
          Tensor tenth = torch.cat(new TensorVector(rows.toArray(new Tensor[0])), 0);
          assertClose(golden.get(path + ".rows"), tenth, GRADIENTS, path);
        } else {
          assertClose(golden.get(path), gradient, GRADIENTS, path);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void greedyContinuations(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
      List<int[]> prompts = golden.sequences().stream().map(TokenSequence::prompt).toList();
      int compared = 0;
      List<GeneratedAnswer> answers =
          model.generate(
              golden.batch(images), prompts, null, GenerationOptions.greedy().withMaxNewTokens(12));
      for (int row = 0; row < golden.rows(); row++) {
        int[] expected = golden.ids("generated." + row);
        float[] margins = HostTensors.toFloats(golden.get("margin." + row));
        int[] found = answers.get(row).tokens();
        for (int t = 0; t < expected.length && margins[t] >= MARGIN; t++) {
          assertTrue(t < found.length, "row " + row + " ends early: " + Arrays.toString(found));
          assertEquals(expected[t], found[t], "row " + row + " token " + t);
          compared++;
        }
      }
      assertTrue(compared >= 24, "only " + compared + " tokens were compared");
    }
  }
}
