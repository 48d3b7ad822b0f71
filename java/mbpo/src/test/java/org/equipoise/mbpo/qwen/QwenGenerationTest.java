package org.equipoise.mbpo.qwen;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
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

/** Rows that share prompts, seeds, stop tokens and contrast. */
class QwenGenerationTest {
  private static final GenerationOptions SAMPLING =
      GenerationOptions.sample(1.5, 11).withMaxNewTokens(6).withTopK(40);

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

  private static List<int[]> tokens(List<GeneratedAnswer> answers) {
    return answers.stream().map(GeneratedAnswer::tokens).toList();
  }

  private static void assertSame(List<int[]> expected, List<int[]> found) {
    assertEquals(expected.size(), found.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), found.get(i), "row " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aGroupThatSharesItsPromptSaysWhatEachRowSaysAlone(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
      List<Tensor> placed = new ArrayList<>();
      List<int[]> prompts = new ArrayList<>();
      List<Integer> rows = List.of(1, 2, 1, 3, 1, 2, 3, 2, 0);
      long[] streams = new long[rows.size()];
      List<int[]> alone = new ArrayList<>();
      for (int i = 0; i < rows.size(); i++) {
        int row = rows.get(i);
        streams[i] = 100 + i;
        int[] prompt = golden.sequences().get(row).prompt();
        List<Tensor> own = golden.imagesOf(row, images);
        prompts.add(prompt);
        placed.addAll(own);
        alone.addAll(
            tokens(
                model.generate(
                    own.isEmpty() ? null : ImageBatch.of(own),
                    List.of(prompt),
                    new long[] {streams[i]},
                    SAMPLING)));
      }
      List<int[]> together =
          tokens(model.generate(ImageBatch.of(placed), prompts, streams, SAMPLING));
      assertSame(alone, together);
      assertTrue(!Arrays.equals(together.get(0), together.get(2)), "streams of one prompt differ");
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theCacheSaysWhatAWholePassSays(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model();
        NoGradGuard noGrad = new NoGradGuard()) {
      List<Tensor> images = golden.images().stream().map(Tensor::detach).toList();
      int[] prompt = golden.sequences().get(1).prompt();
      ImageBatch batch = ImageBatch.of(golden.imagesOf(1, images));
      int[] answer =
          model
              .generate(
                  batch, List.of(prompt), null, GenerationOptions.greedy().withMaxNewTokens(10))
              .get(0)
              .tokens();
      float[] logits =
          HostTensors.toFloats(
              model.forward(batch, List.of(new TokenSequence(prompt, answer))).logits());
      int vocabulary = logits.length / answer.length;
      for (int t = 0; t < answer.length; t++) {
        int best = 0;
        for (int v = 1; v < vocabulary; v++) {
          best = logits[t * vocabulary + v] > logits[t * vocabulary + best] ? v : best;
        }
        assertEquals(best, answer[t], "token " + t);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void contrastOfNothingIsGreedyAndOfMuchIsNot(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      ImageBatch batch =
          ImageBatch.of(golden.imagesOf(1, golden.images().stream().map(Tensor::detach).toList()));
      List<int[]> prompts = List.of(golden.sequences().get(1).prompt());
      GenerationOptions greedy = GenerationOptions.greedy().withMaxNewTokens(8);
      List<int[]> plain = tokens(model.generate(batch, prompts, null, greedy));
      // Only the most plausible token is left.
      assertSame(
          plain,
          tokens(
              model.generate(
                  batch, prompts, null, greedy.withContrastAlpha(1).withContrastPlausibility(1))));
      assertNotEquals(
          Arrays.toString(plain.get(0)),
          Arrays.toString(
              tokens(
                      model.generate(
                          batch,
                          prompts,
                          null,
                          greedy.withContrastAlpha(20).withContrastPlausibility(0)))
                  .get(0)));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void whatDoesNotFitIsRefused(String name) {
    QwenGolden golden = new QwenGolden(name, folder);
    try (QwenModel model = golden.model()) {
      Tensor image = golden.images().get(0).detach();
      int[] prompt = golden.sequences().get(1).prompt();
      String count =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> model.generate(null, List.of(prompt), null, GenerationOptions.greedy()))
              .getMessage();
      assertTrue(count.contains("0 images and 1 placeholders in 1 prompts"), count);
      String size =
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      model.generate(
                          ImageBatch.of(List.of(image.narrow(1, 0, 21))),
                          List.of(prompt),
                          null,
                          GenerationOptions.greedy()))
              .getMessage();
      assertTrue(size.contains("multiples of 8") && size.contains("[3, 21, 40]"), size);
      String streams =
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      model.generate(
                          ImageBatch.of(List.of(image)), List.of(prompt), new long[0], SAMPLING))
              .getMessage();
      assertTrue(streams.contains("0 streams and 1 prompts"), streams);
    }
  }
}
