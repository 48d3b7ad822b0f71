package org.equipoise.mbpo.torchscript;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.evaluate.Evaluator;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.toy.ToyImageProcessor;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.mbpo.toy.ToyTokenizer;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.SftOptions;
import org.equipoise.mbpo.train.SftTrainer;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchScriptModelTest {
  @TempDir Path folder;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  private static Path resource(String name) {
    try {
      return Path.of(TorchScriptModelTest.class.getResource(name).toURI());
    } catch (java.net.URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static TorchScriptModel load() {
    return TorchScriptModel.loadAndRunItsCode(
        resource("looking.pt"), new ToyTokenizer(), new ToyImageProcessor());
  }

  /**
   * Within a share of the largest value. Float32 has 6e-8 a rounding; a value here comes of some
   * hundred (48 products twice, the means over pixels), another order of which moves it by 1e-6; a
   * gradient goes that way twice and adds up rows: 1e-5.
   */
  private static void near(Tensor expected, Tensor found, double tolerance) {
    double largest = expected.abs().max().item_double();
    double difference = expected.sub(found).abs().max().item_double();
    assertTrue(difference <= tolerance * largest, difference + " of " + largest);
  }

  @Test
  void logitsAndGradientsAreTheExportingProgram() {
    try (PointerScope scope = new PointerScope();
        TorchScriptModel model = load()) {
      Map<String, Tensor> golden = SafetensorsFile.read(resource("looking.safetensors")).tensors();
      // The rows of the golden file, as a prompt of one word and the rest of the answer.
      List<TokenSequence> sequences =
          List.of(
              new TokenSequence(new int[] {0}, new int[] {1, 3, 4, 9, 19}),
              new TokenSequence(new int[] {0}, new int[] {18, 5, 14, 6, 19}));
      Tensor pixels = golden.get("pixels").set_requires_grad(true);
      AnswerStates states = model.forward(ImageBatch.of(pixels), sequences);
      near(golden.get("logits").view(10, 20), states.logits(), 1e-6);
      states.logits().mul(golden.get("weights").view(10, 20)).sum().backward();
      near(golden.get("d_pixels"), pixels.grad(), 1e-5);
      near(golden.get("d_head"), model.parameters().get("head.weight").grad(), 1e-5);
    }
  }

  @Test
  void parametersAreWhatWantsAGradientAndWeightsAreAll() {
    try (TorchScriptModel model = load()) {
      assertEquals(
          List.of(
              "image.weight",
              "image.bias",
              "sum.weight",
              "last.weight",
              "first.weight",
              "first.bias",
              "head.weight",
              "head.bias"),
          new ArrayList<>(model.parameters().keySet())
              .stream()
                  .sorted(java.util.Comparator.comparingInt(TorchScriptModelTest::order))
                  .toList());
      assertTrue(model.weights().containsKey("mean") && model.weights().containsKey("unused"));
      assertEquals(model.parameters().size() + 2, model.weights().size());
      assertTrue(model.name().startsWith("looking-"), model.name());
    }
  }

  private static int order(String name) {
    return List.of("image", "sum", "last", "first", "head").indexOf(name.split("\\.")[0]) * 2
        + (name.endsWith("bias") ? 1 : 0);
  }

  @Test
  void rowsOfSeveralSizesAndLengthsAreAsAlone() {
    List<Sample> samples = ToyTask.samples("row", 12, 0.5, 3);
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard();
        TorchScriptModel model = load()) {
      List<Images> images = AnswerLogProbs.images(model, samples);
      assertTrue(
          images.stream()
                  .map(image -> image.only().width() * 1000 + image.only().height())
                  .distinct()
                  .count()
              > 1);
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), samples);
      Tensor together = model.forward(ImageBatch.ofQuestions(images), sequences).logits();
      long at = 0;
      for (int i = 0; i < samples.size(); i++) {
        Tensor alone =
            model
                .forward(
                    ImageBatch.ofQuestions(images.subList(i, i + 1)), sequences.subList(i, i + 1))
                .logits();
        near(alone, together.narrow(0, at, alone.size(0)), 1e-5);
        at += alone.size(0);
      }
      assertEquals(at, together.size(0));
    }
  }

  @Test
  void generationIsTheBestTokenStepByStepAndIndependentOfTheBatch() {
    List<Sample> samples = ToyTask.samples("say", 6, 0.5, 4);
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard();
        TorchScriptModel model = load()) {
      List<Images> images = AnswerLogProbs.images(model, samples);
      List<int[]> prompts =
          samples.stream().map(s -> model.tokenizer().encodePrompt(s.question())).toList();
      GenerationOptions greedy = GenerationOptions.greedy().withMaxNewTokens(4);
      List<GeneratedAnswer> answers =
          model.generate(ImageBatch.ofQuestions(images), prompts, new long[6], greedy);
      for (int i = 0; i < answers.size(); i++) {
        int[] said = answers.get(i).tokens();
        Tensor logits =
            model
                .forward(
                    ImageBatch.ofQuestions(images.subList(i, i + 1)),
                    List.of(new TokenSequence(prompts.get(i), said)))
                .logits();
        for (int t = 0; t < said.length; t++) {
          assertEquals(said[t], logits.select(0, t).argmax().item_int());
        }
        assertEquals(
            said[said.length - 1] == model.tokenizer().endToken(), answers.get(i).finished());
      }
      GenerationOptions sampled = GenerationOptions.sample(1, 9).withMaxNewTokens(4);
      long[] streams = {1, 2, 3, 4, 5, 6};
      List<GeneratedAnswer> all =
          model.generate(ImageBatch.ofQuestions(images), prompts, streams, sampled);
      GeneratedAnswer third =
          model
              .generate(
                  ImageBatch.ofQuestions(images.subList(2, 3)),
                  prompts.subList(2, 3),
                  new long[] {3},
                  sampled)
              .get(0);
      assertArrayEquals(all.get(2).tokens(), third.tokens());
      List<GeneratedAnswer> contrasted =
          model.generate(
              ImageBatch.ofQuestions(images), prompts, new long[6], greedy.withContrastAlpha(1));
      assertEquals(6, contrasted.size());
    }
  }

  @Test
  void learnsAndIsMinedThroughItsPixels() {
    List<Sample> pool = ToyTask.samples("learn", 300, 0.5, 6);
    EvaluationOptions options =
        EvaluationOptions.defaults().withGeneration(GenerationOptions.greedy().withMaxNewTokens(5));
    List<Sample> choices = pool.stream().filter(s -> s.kind().equals("mc")).toList();
    try (TorchScriptModel start = load();
        TorchScriptModel model = start.copy()) {
      double before = new Evaluator(start, options).multipleChoice(choices).accuracy();
      SftOptions sft =
          SftOptions.defaults()
              .withOptimizer(OptimizerOptions.adamW(0.01))
              .withSteps(200)
              .withBatchSize(32);
      new SftTrainer(sft).train(model, pool, TrainingContext.defaults());
      double after = new Evaluator(model, options).multipleChoice(choices).accuracy();
      assertTrue(after > before + 0.3, before + " -> " + after);
      assertEquals(
          before,
          new Evaluator(start, options).multipleChoice(choices).accuracy(),
          "the copy has weights of its own");
      MiningReport report =
          new NegativeMiner(
                  model,
                  NegativeSources.adversarial(64 / 255.0, 16 / 255.0, 8, 3),
                  ToyTask.VERIFIER,
                  MiningOptions.defaults()
                      .withGeneration(GenerationOptions.greedy().withMaxNewTokens(5)))
              .mine(choices.subList(0, 40), null, folder.resolve("pairs"), Progress.none());
      assertTrue(report.meanDelta() < -1, report.toString());
      model.parameters().values().forEach(p -> assertTrue(p.requires_grad()));
    }
  }

  @Test
  void whatIsNoModuleIsSaidWithItsFile() throws Exception {
    Path absent = folder.resolve("absent.pt");
    Path garbage = Files.writeString(folder.resolve("garbage.pt"), "not a module");
    Path cut = folder.resolve("cut.pt");
    byte[] bytes = Files.readAllBytes(resource("looking.pt"));
    Files.write(cut, Arrays.copyOf(bytes, bytes.length / 2));
    assertEquals(absent + ": there is no such file", refusal(absent));
    for (Path file : List.of(garbage, cut)) {
      String text = refusal(file);
      assertTrue(
          text.startsWith(file + ": expected a TorchScript module as torch.jit.save writes it: "),
          text);
      assertTrue(text.length() > 90 + file.toString().length() && !text.contains("\n"), text);
    }
  }

  /** The name of the method is no exaggeration. */
  @Test
  void aFileWritesWhereItLikesWhileItIsRead() throws Exception {
    Path written = Path.of("target", "written-while-a-module-was-read.pt");
    Files.deleteIfExists(written);
    try (TorchScriptModel model =
        TorchScriptModel.loadAndRunItsCode(
            resource("writing.pt"), new ToyTokenizer(), new ToyImageProcessor())) {
      assertEquals(1, model.parameters().size());
      assertTrue(Files.deleteIfExists(written), "the module's __setstate__ has run");
    }
  }

  private static String refusal(Path file) {
    return assertThrows(
            IllegalArgumentException.class,
            () ->
                TorchScriptModel.loadAndRunItsCode(
                    file, new ToyTokenizer(), new ToyImageProcessor()))
        .getMessage();
  }

  @Test
  void whatAModuleCannotDoIsSaid() {
    TextTokenizer larger =
        new TextTokenizer() {
          private final TextTokenizer toy = new ToyTokenizer();

          @Override
          public int[] encodePrompt(String question) {
            return toy.encodePrompt(question);
          }

          @Override
          public int[] encodeAnswer(String answer) {
            return toy.encodeAnswer(answer);
          }

          @Override
          public String decodeAnswer(int[] ids) {
            return toy.decodeAnswer(ids);
          }

          @Override
          public int endToken() {
            return toy.endToken();
          }

          @Override
          public int vocabularySize() {
            return 99;
          }
        };
    ImageBatch image = ImageBatch.ofImages(List.of(new RgbImage(8, 8, new byte[192])));
    List<TokenSequence> row = List.of(new TokenSequence(new int[] {0, 1}, new int[] {2, 19}));
    try (PointerScope scope = new PointerScope();
        TorchScriptModel model =
            TorchScriptModel.loadAndRunItsCode(
                resource("looking.pt"), larger, new ToyImageProcessor())) {
      assertEquals(
          "the TorchScript module must answer pixels [1, 3, 8, 8] and ids [1, 3] with logits [1, 3,"
              + " at least 99], found [1, 3, 20]",
          assertThrows(IllegalStateException.class, () -> model.forward(image, row)).getMessage());
      String failed =
          assertThrows(
                  IllegalStateException.class,
                  () ->
                      model.forward(
                          image, List.of(new TokenSequence(new int[] {0, 77}, new int[] {2, 19}))))
              .getMessage();
      assertTrue(
          failed.startsWith("the TorchScript module failed on pixels [1, 3, 8, 8] and ids [1, 3]: ")
              && failed.contains("index out of range"),
          failed);
      assertNotEquals(
          null,
          assertThrows(UnsupportedOperationException.class, () -> model.forward(null, row))
              .getMessage());
      assertThrows(
          IllegalArgumentException.class,
          () -> model.forward(image, List.of(row.get(0), row.get(0))));
    }
  }
}
