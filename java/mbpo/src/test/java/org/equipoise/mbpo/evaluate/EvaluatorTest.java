package org.equipoise.mbpo.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Against log-probs computed one sequence at a time, in double precision, from the model's logits.
 */
class EvaluatorTest {
  /**
   * Float32 logits of size up to 10 round at 1e-6; a sum of a few of them stays well below this.
   */
  private static final double TOLERANCE = 2e-5;

  private final ToyModel model = new ToyModel(3);
  private final List<Sample> samples = ToyTask.samples("s", 30, 0.5, 7);

  @AfterEach
  void close() {
    model.close();
  }

  private List<Sample> ofKind(String kind) {
    return samples.stream().filter(s -> s.kind().equals(kind)).toList();
  }

  private Evaluator evaluator(int batchSize, double contrastAlpha) {
    return new Evaluator(
        model,
        EvaluationOptions.defaults()
            .withBatchSize(batchSize)
            .withGeneration(
                GenerationOptions.greedy().withMaxNewTokens(6).withContrastAlpha(contrastAlpha)));
  }

  /** Σ over answer tokens without the end token of log softmax(logits)[token]. */
  private double logProb(Sample sample, String answer, boolean blind) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      RgbImage image = model.imageProcessor().resize(sample.image().load());
      ImageBatch batch = ImageBatch.of(List.of(image.toTensor()));
      if (blind) {
        Tensor mean = HostTensors.floats(model.imageProcessor().mean(), 3, 1, 1);
        Tensor grey = mean.expand(3, image.height(), image.width()).contiguous();
        batch = ImageBatch.of(List.of(grey));
      }
      int[] tokens = model.tokenizer().encodeAnswer(answer);
      TokenSequence sequence =
          new TokenSequence(model.tokenizer().encodePrompt(sample.question()), tokens);
      float[] logits = HostTensors.toFloats(model.forward(batch, List.of(sequence)).logits());
      int vocabulary = model.tokenizer().vocabularySize();
      double sum = 0;
      for (int t = 0; t < tokens.length - 1; t++) {
        double normaliser = 0;
        for (int v = 0; v < vocabulary; v++) {
          normaliser += Math.exp(logits[t * vocabulary + v]);
        }
        sum += logits[t * vocabulary + tokens[t]] - Math.log(normaliser);
      }
      return sum;
    }
  }

  private double logProb(Sample sample, String answer, double alpha) {
    return (1 + alpha) * logProb(sample, answer, false) - alpha * logProb(sample, answer, true);
  }

  @Test
  void logOddsOfYesAgainstNo() {
    List<Sample> questions = ofKind("yn");
    assertTrue(questions.size() >= 8);
    for (double alpha : new double[] {0, 1.5}) {
      YesNoResult result = evaluator(4, alpha).yesNo(questions);
      for (int i = 0; i < questions.size(); i++) {
        Sample sample = questions.get(i);
        double expected = logProb(sample, "yes", alpha) - logProb(sample, "no", alpha);
        assertEquals(sample.id(), result.items().get(i).id());
        assertEquals(expected, result.items().get(i).logOdds(), TOLERANCE * (1 + 2 * alpha));
        assertEquals(sample.answer().equals("yes"), result.items().get(i).goldYes());
      }
    }
  }

  @Test
  void bestOfTheOfferedOptionsOfOneTokenAndOfSeveral() {
    for (List<String> offered :
        List.of(ToyTask.COLOURS, List.of("left is red", "gold", "right is blue and gold"))) {
      for (Sample question : ofKind("mc")) {
        Sample sample = question.withOptions(offered).withAnswer(offered.get(1));
        String expected = offered.get(0);
        for (String option : offered) {
          if (logProb(sample, option, 0) > logProb(sample, expected, 0)) {
            expected = option;
          }
        }
        MultipleChoiceResult.Item item =
            evaluator(4, 0).multipleChoice(List.of(sample)).items().get(0);
        assertEquals(expected, item.bestOption());
        assertEquals(expected.equals(offered.get(1)), item.correctAmongOptions());
      }
    }
  }

  @Test
  void optionsOfDifferentNumberInOneBatch() {
    List<Sample> questions = new ArrayList<>();
    for (Sample question : ofKind("mc")) {
      int size = 2 + questions.size() % 3;
      List<String> offered = ToyTask.COLOURS.subList(0, size);
      questions.add(question.withOptions(offered).withAnswer(offered.get(0)));
    }
    MultipleChoiceResult together = evaluator(64, 0).multipleChoice(questions);
    for (int i = 0; i < questions.size(); i++) {
      assertEquals(
          evaluator(1, 0).multipleChoice(List.of(questions.get(i))).items().get(0),
          together.items().get(i));
    }
  }

  @Test
  void goldAnswersWithTheImageAndBlind() {
    AnswerLogProbResult result = evaluator(4, 0).answerLogProbs(samples);
    for (int i = 0; i < samples.size(); i++) {
      Sample sample = samples.get(i);
      int tokens = model.tokenizer().encodeAnswer(sample.answer()).length - 1;
      AnswerLogProbResult.Item item = result.items().get(i);
      assertEquals(logProb(sample, sample.answer(), false) / tokens, item.image(), TOLERANCE);
      assertEquals(logProb(sample, sample.answer(), true) / tokens, item.blind(), TOLERANCE);
    }
    assertNotEquals(result.image(), result.blind());
    assertEquals(result.image() - result.blind(), result.informationGain(), 1e-9);
  }

  @Test
  void resultsDoNotDependOnTheBatchSize() {
    ObjectVocabulary colours = ObjectVocabulary.of(ToyTask.COLOURS);
    List<Sample> captions =
        ofKind("cap").stream().map(s -> s.withObjects(ToyTask.COLOURS.subList(0, 2))).toList();
    List<String> single =
        evaluator(1, 0).captions(captions, colours).items().stream()
            .map(CaptionResult.Item::caption)
            .toList();
    CaptionResult batched = evaluator(7, 0).captions(captions, colours);
    assertEquals(single, batched.items().stream().map(CaptionResult.Item::caption).toList());
    for (CaptionResult.Item item : batched.items()) {
      assertEquals(
          item.words(),
          Arrays.stream(item.caption().split(" +")).filter(w -> !w.isBlank()).count());
    }
  }

  @Test
  void whatCannotBeEvaluatedIsNamed() {
    Sample sample = samples.get(0);
    assertEquals(
        "the gold answer of yes/no sample s0 must say yes or no, found \"red\"",
        assertThrows(
                IllegalArgumentException.class,
                () -> evaluator(4, 0).yesNo(List.of(sample.withAnswer("red"))))
            .getMessage());
    assertEquals(
        "multiple-choice sample s0 has no options",
        assertThrows(
                IllegalArgumentException.class,
                () -> evaluator(4, 0).multipleChoice(List.of(sample.withOptions(List.of()))))
            .getMessage());
  }
}
