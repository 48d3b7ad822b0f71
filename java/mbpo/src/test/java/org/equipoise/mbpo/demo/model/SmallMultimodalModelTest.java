package org.equipoise.mbpo.demo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.task.QuestionMix;
import org.equipoise.mbpo.demo.task.SceneData;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmallMultimodalModelTest {
  private static final int LONGEST = 5;

  private final List<Sample> samples =
      new SceneData(3).twins(24, new QuestionMix(0.25, 0.25, 0.25, 0.25), 0.7);
  private PointerScope scope;
  private SmallMultimodalModel model;

  /** Small tensors: a second thread costs more than it gives. */
  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  @BeforeEach
  void open() {
    scope = new PointerScope();
    model = SmallMultimodalModel.create(11);
  }

  /** Fresh weights say almost the same everywhere; larger ones let the context decide. */
  private void exaggerate() {
    try (NoGradGuard noGrad = new NoGradGuard()) {
      model
          .parameters()
          .forEach(
              (name, parameter) -> {
                if (name.contains("block") && name.endsWith("weight") && parameter.dim() == 2) {
                  parameter.mul_(new Scalar(4f));
                }
              });
    }
  }

  @AfterEach
  void close() {
    model.close();
    scope.close();
  }

  @Test
  void hasAbout176ThousandParametersWhichAreAFunctionOfTheSeed() {
    long count = model.parameters().values().stream().mapToLong(Tensor::numel).sum();
    assertEquals(176_320, count);
    try (SmallMultimodalModel same = SmallMultimodalModel.create(11);
        SmallMultimodalModel other = SmallMultimodalModel.create(12)) {
      String name = "decoder.block0.qkv.weight";
      assertArrayEquals(values(model, name), values(same, name));
      assertTrue(!Arrays.equals(values(model, name), values(other, name)));
    }
  }

  /** The oracle re-reads the whole sequence for every token, one prompt at a time. */
  @Test
  void greedyAnswersWithCacheAreThoseWithout() {
    exaggerate();
    List<GeneratedAnswer> cached =
        model.generate(images(samples), prompts(samples), null, greedy());
    int different = 0;
    for (int i = 0; i < samples.size(); i++) {
      int[] expected = withoutCache(samples.get(i), 0);
      assertArrayEquals(expected, cached.get(i).tokens(), samples.get(i).question());
      different += Arrays.equals(expected, cached.get(0).tokens()) ? 0 : 1;
    }
    assertTrue(different > 0, "all answers are equal, so the test sees little");
  }

  @Test
  void blindContrastIsTheContrastOfTwoPasses() {
    exaggerate();
    GenerationOptions contrast = greedy().withContrastAlpha(2).withContrastPlausibility(0.1);
    List<GeneratedAnswer> cached =
        model.generate(images(samples), prompts(samples), null, contrast);
    for (int i = 0; i < samples.size(); i++) {
      assertArrayEquals(withoutCache(samples.get(i), 2), cached.get(i).tokens());
    }
  }

  @Test
  void whatIsSampledDoesNotDependOnTheBatch() {
    exaggerate();
    GenerationOptions sampling = GenerationOptions.sample(1, 7).withMaxNewTokens(LONGEST);
    long[] streams = new long[samples.size()];
    Arrays.setAll(streams, i -> 1000 + i);
    List<GeneratedAnswer> together =
        model.generate(images(samples), prompts(samples), streams, sampling);
    for (int i = 0; i < samples.size(); i++) {
      List<Sample> alone = List.of(samples.get(i));
      GeneratedAnswer answer =
          model.generate(images(alone), prompts(alone), new long[] {streams[i]}, sampling).get(0);
      assertArrayEquals(answer.tokens(), together.get(i).tokens());
    }
  }

  @Test
  void streamsOfOnePromptDiffer() {
    RgbImage image = samples.get(0).image().load();
    int[] prompt = model.tokenizer().encodePrompt("caption");
    int count = 64;
    long[] streams = new long[count];
    Arrays.setAll(streams, i -> i);
    List<RgbImage> same = Collections.nCopies(count, image);
    long distinct =
        model
            .generate(
                ImageBatch.ofImages(same),
                Collections.nCopies(count, prompt),
                streams,
                GenerationOptions.sample(1, 7).withMaxNewTokens(LONGEST))
            .stream()
            .map(GeneratedAnswer::text)
            .distinct()
            .count();
    assertTrue(distinct > count / 4, distinct + " distinct answers of " + count);
  }

  @Test
  void packedStatesAreThoseOfEachSequenceAlone() {
    float[] together =
        HostTensors.toFloats(model.forward(images(samples), sequences(samples)).logits());
    int vocabulary = model.tokenizer().vocabularySize();
    int row = 0;
    for (Sample sample : samples) {
      List<Sample> alone = List.of(sample);
      float[] expected =
          HostTensors.toFloats(model.forward(images(alone), sequences(alone)).logits());
      float[] found =
          Arrays.copyOfRange(together, row * vocabulary, row * vocabulary + expected.length);
      assertArrayEquals(expected, found, 2e-5f, sample.question());
      row += expected.length / vocabulary;
    }
    assertEquals(together.length, row * vocabulary);
  }

  @Test
  void imagesGivenTwiceAreEncodedAsIfGivenOnce() {
    List<Tensor> single = samples.stream().map(s -> s.image().load().toTensor()).toList();
    List<Tensor> shared = new ArrayList<>(single);
    List<Tensor> separate = new ArrayList<>(single);
    List<TokenSequence> twice = new ArrayList<>(sequences(samples));
    shared.addAll(single);
    single.forEach(image -> separate.add(image.clone()));
    twice.addAll(sequences(samples));
    assertArrayEquals(
        HostTensors.toFloats(model.forward(ImageBatch.of(separate), twice).logits()),
        HostTensors.toFloats(model.forward(ImageBatch.of(shared), twice).logits()),
        2e-5f);
  }

  /** Three answers of different lengths to each prompt, so that rows with one and two occur. */
  @Test
  void answersThatShareAPromptAreAsIfAlone() {
    exaggerate();
    List<Tensor> shared = new ArrayList<>();
    List<Tensor> separate = new ArrayList<>();
    List<TokenSequence> answers = new ArrayList<>();
    for (String answer : List.of("dog cat bone", "no", "fish fish")) {
      for (int i = 0; i < samples.size(); i++) {
        Tensor image = i < shared.size() ? shared.get(i) : samples.get(i).image().load().toTensor();
        shared.add(image);
        separate.add(image.clone());
        answers.add(AnswerLogProbs.sequence(model.tokenizer(), samples.get(i), answer));
      }
    }
    Tensor alone = model.forward(ImageBatch.of(separate), answers).logits();
    float[] expectedGradient = gradient(alone, "decoder.block0.qkv.weight");
    float[] expectedPositions = gradient(alone, "text.position");
    Tensor together = model.forward(ImageBatch.of(shared), answers).logits();
    assertArrayEquals(HostTensors.toFloats(alone), HostTensors.toFloats(together), 2e-5f);
    assertClose(expectedGradient, gradient(together, "decoder.block0.qkv.weight"));
    assertClose(expectedPositions, gradient(together, "text.position"));
  }

  /** Of a weighted sum of all logits. */
  private float[] gradient(Tensor logits, String name) {
    Tensor parameter = model.parameters().get(name);
    float[] weights = new float[(int) logits.numel()];
    KeyedRandom random = KeyedRandom.of(5, "weights");
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) random.gaussian(0, i, 0);
    }
    Tensor sum = logits.mul(HostTensors.floats(weights, logits.size(0), logits.size(1))).sum();
    return HostTensors.toFloats(
        torch
            .grad(
                new TensorVector(sum),
                new TensorVector(parameter),
                new TensorVector(),
                new BoolOptional(true),
                false,
                false)
            .get(0));
  }

  /** Sums of float32 in another order: at most 2.4e-6 of the largest value was found. */
  private static void assertClose(float[] expected, float[] found) {
    float largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertArrayEquals(expected, found, 1e-5f * largest);
  }

  /** Central differences along a random direction; float32 limits them to about 1e-3 relative. */
  @Test
  void pixelGradientIsTheSlopeOfTheAnswersLogProb() {
    Tensor pixels = images(samples).stacked();
    Tensor leaf = pixels.clone().set_requires_grad(true);
    logProb(leaf).backward();
    float[] gradient = HostTensors.toFloats(leaf.grad());
    float[] direction = new float[gradient.length];
    var random = KeyedRandom.of(1, "direction");
    double slope = 0;
    for (int i = 0; i < direction.length; i++) {
      direction[i] = (float) random.gaussian(0, i, 0);
      slope += (double) direction[i] * gradient[i];
    }
    Tensor step = HostTensors.floats(direction, pixels.size(0), 3, 32, 32).mul(new Scalar(1e-3f));
    double measured =
        (logProb(pixels.add(step)).item_double() - logProb(pixels.sub(step)).item_double()) / 2e-3;
    assertEquals(slope, measured, 0.01 * Math.abs(slope) + 1e-3);
  }

  @Test
  void aCopyIsIndependentAndAFileGivesTheSameWeights(@TempDir Path folder) {
    Path file = folder.resolve("model.safetensors");
    model.save(file);
    try (SmallMultimodalModel copy = model.copy();
        SmallMultimodalModel loaded = SmallMultimodalModel.load(file);
        NoGradGuard noGrad = new NoGradGuard()) {
      String name = "projector.up.weight";
      float[] before = values(model, name);
      model.parameters().get(name).zero_();
      assertArrayEquals(before, values(copy, name));
      assertArrayEquals(before, values(loaded, name));
    }
  }

  @Test
  void whatItCannotReadIsRefused() {
    ImageBatch small = ImageBatch.of(torch.zeros(1, 3, 16, 16));
    List<TokenSequence> one = List.of(sequences(samples).get(0));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> model.forward(small, one))
            .getMessage()
            .startsWith("images must be 3x32x32"));
    assertThrows(UnsupportedOperationException.class, () -> model.forward(null, one));
    List<TokenSequence> endless = List.of(new TokenSequence(new int[30], new int[] {1}));
    assertThrows(
        IllegalArgumentException.class,
        () -> model.forward(images(samples.subList(0, 1)), endless));
  }

  private int[] withoutCache(Sample sample, double alpha) {
    List<Integer> answer = new ArrayList<>();
    while (answer.size() < LONGEST) {
      int[] soFar = new int[answer.size() + 1];
      for (int i = 0; i < answer.size(); i++) {
        soFar[i] = answer.get(i);
      }
      TokenSequence sequence =
          new TokenSequence(model.tokenizer().encodePrompt(sample.question()), soFar);
      ImageBatch image = images(List.of(sample));
      double[] scores = lastLogits(image, sequence);
      if (alpha > 0) {
        double[] blind = lastLogits(image.blind(model.imageProcessor().mean()), sequence);
        double best = Arrays.stream(scores).max().orElseThrow();
        for (int v = 0; v < scores.length; v++) {
          boolean plausible = Math.exp(scores[v] - best) >= 0.1;
          scores[v] =
              plausible ? (1 + alpha) * scores[v] - alpha * blind[v] : Double.NEGATIVE_INFINITY;
        }
      }
      int next = 0;
      for (int v = 1; v < scores.length; v++) {
        next = scores[v] > scores[next] ? v : next;
      }
      answer.add(next);
      if (next == model.tokenizer().endToken()) {
        break;
      }
    }
    return answer.stream().mapToInt(Integer::intValue).toArray();
  }

  private double[] lastLogits(ImageBatch image, TokenSequence sequence) {
    float[] logits = HostTensors.toFloats(model.forward(image, List.of(sequence)).logits());
    double[] last = new double[model.tokenizer().vocabularySize()];
    for (int v = 0; v < last.length; v++) {
      last[v] = logits[logits.length - last.length + v];
    }
    return last;
  }

  private Tensor logProb(Tensor pixels) {
    List<TokenSequence> gold = sequences(samples);
    Tensor logits = model.forward(ImageBatch.of(pixels), gold).logits();
    Tensor targets = AnswerLogProbs.targets(gold);
    return torch
        .log_softmax(logits, 1)
        .gather(1, targets.view(targets.numel(), 1))
        .sum()
        .to(torch.ScalarType.Double);
  }

  private static GenerationOptions greedy() {
    return GenerationOptions.greedy().withMaxNewTokens(LONGEST);
  }

  private static ImageBatch images(List<Sample> samples) {
    return ImageBatch.ofImages(samples.stream().map(s -> s.image().load()).toList());
  }

  private List<int[]> prompts(List<Sample> samples) {
    return samples.stream().map(s -> model.tokenizer().encodePrompt(s.question())).toList();
  }

  private List<TokenSequence> sequences(List<Sample> samples) {
    return AnswerLogProbs.sequences(model.tokenizer(), samples);
  }

  private static float[] values(SmallMultimodalModel model, String name) {
    return HostTensors.toFloats(model.parameters().get(name));
  }
}
