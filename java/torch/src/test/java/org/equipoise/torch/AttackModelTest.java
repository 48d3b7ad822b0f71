package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every attack on the log-probability of a token sequence under a small network. */
class AttackModelTest {
  private static final int IMAGES = 3;
  private static final int SIDE = 12;
  private static final int PIXELS = 3 * SIDE * SIDE;
  private static final int TOKENS = 4;
  private static final int VOCAB = 17;
  private static final double EPSILON = 8 / 255.0;

  private PointerScope scope;
  private Tensor clean;
  private PixelBatch batch;
  private Tensor first;
  private Tensor second;
  private Tensor targets;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    java.util.Random random = new java.util.Random(2);
    double[] values =
        random.doubles((long) IMAGES * PIXELS).map(u -> Math.floor(u * 256) / 255).toArray();
    clean = TestTensors.of(ScalarType.Float, values, IMAGES, 3, SIDE, SIDE);
    batch = PixelBatch.of(clean);
    first = weights(1, PIXELS, 24, 0.15);
    second = weights(2, 24, TOKENS * VOCAB, 0.7);
    int[] ids = new int[IMAGES * TOKENS];
    Arrays.setAll(ids, k -> (7 * k + 3) % VOCAB);
    targets = TestTensors.ints(ids);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor weights(long seed, int rows, int columns, double scale) {
    return TestTensors.of(
        ScalarType.Float, TestTensors.gaussian(seed, rows * columns, scale, 0), rows, columns);
  }

  /** Sum of the answer tokens' log-probabilities per image; in f32, whatever the images are in. */
  private Tensor answerLogProb(Tensor images) {
    long count = images.size(0);
    Tensor flat = images.to(ScalarType.Float).reshape(count, PIXELS).sub(new Scalar(0.5));
    Tensor logits = flat.matmul(first).tanh().matmul(second).view(count * TOKENS, VOCAB);
    Tensor picked =
        logits
            .log_softmax(1)
            .gather(1, targets.narrow(0, 0, count * TOKENS).to(ScalarType.Long).unsqueeze(1));
    return picked.view(count, TOKENS).sum(1);
  }

  interface Run {
    Attack on(Function<Tensor, Tensor> objective, PixelBatch images);
  }

  private static Map<String, Pgd> pgds() {
    Pgd usual = Pgd.linf().seed(1).steps(6);
    InputTransform diversity = InputDiversity.defaults().probability(0.8);
    InputTransform shift =
        InputTransform.differentiable(
            (x, draw) -> x.roll(new long[] {draw.step() % 3}, new long[] {3}));
    Map<String, Pgd> attacks = new LinkedHashMap<>();
    attacks.put("fgsm", Pgd.fgsm(EPSILON));
    attacks.put("bim", Pgd.bim().steps(6));
    attacks.put("pgd", usual);
    attacks.put("pgd l2", Pgd.l2().seed(1).steps(6).epsilon(0.8).stepSize(0.3));
    attacks.put("pgd l2 with momentum", Pgd.l2().steps(6).epsilon(0.8).stepSize(0.3).momentum(1));
    attacks.put("mi", usual.momentum(1));
    attacks.put("ni", usual.momentum(1).nesterov(true));
    attacks.put("vmi", usual.momentum(1).variance(2, 1.5));
    attacks.put("vni", usual.momentum(1).nesterov(true).variance(2, 1.5));
    attacks.put("di", usual.momentum(1).inputTransform(diversity));
    attacks.put(
        "ti", usual.momentum(1).gradientTransform(TranslationInvariance.defaults().length(3)));
    attacks.put("eot", usual.inputTransform(shift).samples(3));
    return attacks;
  }

  private static Map<String, Run> runs(boolean ascend) {
    Map<String, Run> all = new LinkedHashMap<>();
    pgds().forEach((name, attack) -> all.put(name, ascend ? attack::maximise : attack::minimise));
    Apgd linf = Apgd.linf().seed(1);
    Apgd l2 = Apgd.l2().epsilon(0.8).seed(1);
    all.put("apgd", ascend ? linf::maximise : linf::minimise);
    all.put("apgd l2", ascend ? l2::maximise : l2::minimise);
    return all;
  }

  @Test
  void everyAttackMovesTheObjectiveInsideTheBallAndOnTheGrid() {
    for (boolean ascend : new boolean[] {false, true}) {
      runs(ascend)
          .forEach(
              (name, run) -> {
                Attack attack = run.on(this::answerLogProb, batch);
                double[] before = attack.objectiveBefore();
                double[] after = attack.objectiveAfter();
                double limit = (name.contains("l2") ? 0.8 : EPSILON) * (1 + 1e-5);
                for (int i = 0; i < IMAGES; i++) {
                  double gain = ascend ? after[i] - before[i] : before[i] - after[i];
                  assertTrue(gain > 0.05, name + ": gain of image " + i + " " + gain);
                  assertTrue(attack.distances()[i] <= limit, name + ": " + attack.distances()[i]);
                  assertEquals(-1, attack.lostAt()[i]);
                }
                double[] found = TestTensors.doubles(attack.adversarial());
                double[] codes = TestTensors.doubles(attack.codes());
                for (int k = 0; k < found.length; k++) {
                  assertTrue(found[k] >= 0 && found[k] <= 1);
                  assertEquals(codes[k] / 255, found[k], 1e-7, name);
                }
                assertArrayEquals(
                    after, TestTensors.doubles(answerLogProb(attack.adversarial())), 1e-4);
              });
    }
  }

  /**
   * Adversarial training accumulates gradients while it attacks: an attack must not add to them.
   */
  @Test
  void gradientsOfTheModelStayWhatTheyAre() {
    first.set_requires_grad(true);
    second.set_requires_grad(true);
    first.mutable_grad().put(torch.full_like(first, new Scalar(2.0)));
    InputTransform scaled =
        InputTransform.differentiable((x, draw) -> x.mul(second.mean().add(new Scalar(1.0))));
    Map<String, Run> all = runs(false);
    all.put(
        "parameters in the transformation", Pgd.bim().steps(2).inputTransform(scaled)::minimise);
    all.forEach(
        (name, run) -> {
          run.on(this::answerLogProb, batch);
          double[] gradient = TestTensors.doubles(first.grad());
          assertTrue(Arrays.stream(gradient).allMatch(g -> g == 2), name + ": " + gradient[0]);
          assertFalse(second.grad().defined(), name);
        });
  }

  @Test
  void unitsThatAreNotThoseOfPixelsAreRefused() {
    String radius =
        assertThrows(
                IllegalArgumentException.class,
                () -> Pgd.linf().epsilon(8).minimise(this::answerLogProb, batch))
            .getMessage();
    assertTrue(radius.startsWith("epsilon: expected a radius in pixel units"), radius);
    PixelBatch levels = PixelBatch.of(clean.mul(new Scalar(255.0)));
    for (Run run : runs(false).values()) {
      String range =
          assertThrows(IllegalArgumentException.class, () -> run.on(this::answerLogProb, levels))
              .getMessage();
      assertTrue(range.startsWith("images: expected pixels in [0.0, 1.0], found 0.0 to"), range);
    }
    Attack inLevels =
        Pgd.linf()
            .bounds(0, 255)
            .epsilon(8)
            .stepSize(2)
            .minimise(x -> answerLogProb(x.div(new Scalar(255.0))), levels);
    assertTrue(inLevels.distances()[0] > 1, "levels are pixel units under such bounds");
    for (double bad : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> Pgd.linf().epsilon(bad));
      assertThrows(IllegalArgumentException.class, () -> Apgd.linf().epsilon(bad));
      assertThrows(IllegalArgumentException.class, () -> Pgd.linf().stepSize(bad));
    }
    assertThrows(IllegalArgumentException.class, () -> Pgd.linf().bounds(1, 0));
  }

  @Test
  void objectivesThatDependOnOtherTensorsAloneAreRefused() {
    first.set_requires_grad(true);
    String text =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    Pgd.bim()
                        .minimise(
                            images -> first.sum().add(images.detach().flatten(1, -1).sum(1)),
                            batch))
            .getMessage();
    assertTrue(text.contains("depends on other tensors alone"), text);
  }

  /** LibTorch expands such a gradient from one number: it has strides of 0. */
  @Test
  void objectivesWhoseGradientIsOneNumber() {
    runs(true)
        .forEach(
            (name, run) -> {
              Attack attack = run.on(images -> images.flatten(1, -1).sum(1), batch);
              for (int i = 0; i < IMAGES; i++) {
                assertTrue(attack.objectiveAfter()[i] > attack.objectiveBefore()[i], name);
              }
            });
  }

  @Test
  void bfloat16Images() {
    PixelBatch low = PixelBatch.of(clean.to(ScalarType.BFloat16));
    for (Run run :
        new Run[] {
          Pgd.linf().momentum(1).eightBit(false)::minimise,
          Pgd.l2().epsilon(0.8).eightBit(false)::minimise,
          Apgd.linf().eightBit(false)::minimise
        }) {
      Attack attack = run.on(this::answerLogProb, low);
      for (int i = 0; i < IMAGES; i++) {
        assertTrue(attack.objectiveAfter()[i] < attack.objectiveBefore()[i] - 0.05);
      }
    }
  }

  @Test
  void theSameSeedGivesTheSameResultHoweverImagesAreBatched() {
    Tensor second = clean.narrow(0, 1, 1);
    Tensor all = targets;
    runs(false)
        .forEach(
            (name, run) -> {
              Attack both = run.on(this::answerLogProb, batch.streams(4, 5, 6));
              assertArrayEquals(
                  TestTensors.doubles(both.codes()),
                  TestTensors.doubles(run.on(this::answerLogProb, batch.streams(4, 5, 6)).codes()),
                  name);
              targets = all.narrow(0, TOKENS, TOKENS);
              Attack alone = run.on(this::answerLogProb, PixelBatch.of(second).streams(5));
              targets = all;
              // GEMMs of another batch size round differently: the objective agrees, and few signs
              // flip.
              assertEquals(both.objectiveAfter()[1], alone.objectiveAfter()[0], 5e-2, name);
            });
    Pgd pgd = Pgd.linf().steps(0);
    assertFalse(
        Arrays.equals(
            TestTensors.doubles(pgd.seed(1).minimise(this::answerLogProb, batch).codes()),
            TestTensors.doubles(pgd.seed(2).minimise(this::answerLogProb, batch).codes())));
  }

  @Test
  void imagesWithoutGradientStayWhereTheyAre() {
    Tensor only = TestTensors.of(ScalarType.Float, new double[] {1, 0, 1}, IMAGES);
    Function<Tensor, Tensor> objective = x -> answerLogProb(x).mul(only);
    Map<String, Run> attacks = new LinkedHashMap<>();
    pgds()
        .forEach(
            (name, pgd) -> attacks.put(name, pgd.randomStart(false).keepBest(false)::minimise));
    attacks.put("apgd", Apgd.linf().randomStart(false)::minimise);
    attacks.put("apgd l2", Apgd.l2().randomStart(false)::minimise);
    attacks.forEach(
        (name, run) -> {
          if (name.contains("v")) {
            return; // its neighbours have no gradient either, and are looked at in the next test
          }
          Tensor found = run.on(objective, batch).adversarial();
          assertArrayEquals(
              TestTensors.doubles(clean.select(0, 1)),
              TestTensors.doubles(found.select(0, 1)),
              name);
        });
    Attack variance =
        Pgd.bim().momentum(1).variance(2, 1.5).keepBest(false).minimise(objective, batch);
    assertArrayEquals(
        TestTensors.doubles(clean.select(0, 1)),
        TestTensors.doubles(variance.adversarial().select(0, 1)));
  }

  @Test
  void masksKeepPixels() {
    Tensor mask =
        TestTensors.of(ScalarType.Byte, new double[IMAGES * SIDE * SIDE], IMAGES, 1, SIDE, SIDE);
    mask.narrow(2, 3, 6).fill_(new Scalar(1));
    double[] before = TestTensors.doubles(clean);
    runs(false)
        .forEach(
            (name, run) -> {
              Attack attack = run.on(this::answerLogProb, batch.mask(mask));
              double[] after = TestTensors.doubles(attack.adversarial());
              for (int k = 0; k < after.length; k++) {
                int row = k / SIDE % SIDE;
                assertTrue(row >= 3 && row < 9 || before[k] == after[k], name + " pixel " + k);
              }
              for (int i = 0; i < IMAGES; i++) {
                assertTrue(attack.objectiveAfter()[i] < attack.objectiveBefore()[i], name);
              }
            });
  }

  @Test
  void anImageLostAtTheLastIterateIsNotSaidToBeLostAtEveryOne() {
    int[] calls = {0};
    Tensor broken = TestTensors.of(ScalarType.Float, new double[] {1, Double.NaN, 1}, IMAGES);
    Function<Tensor, Tensor> objective =
        x -> calls[0]++ < 3 ? answerLogProb(x) : answerLogProb(x).mul(broken);
    String text =
        assertThrows(
                IllegalStateException.class,
                () -> Pgd.bim().steps(6).keepBest(false).minimise(objective, batch))
            .getMessage();
    assertTrue(text.startsWith("the objective of image 1 was NaN at the last iterate"), text);
  }

  @Test
  void lostImagesKeepTheirBestIterateAndSaySo() {
    int[] calls = {0};
    Tensor broken = TestTensors.of(ScalarType.Float, new double[] {1, Double.NaN, 1}, IMAGES);
    Function<Tensor, Tensor> objective =
        x -> calls[0]++ < 3 ? answerLogProb(x) : answerLogProb(x).mul(broken);
    Attack attack = Pgd.bim().steps(6).minimise(objective, batch);
    assertArrayEquals(new int[] {-1, 2, -1}, attack.lostAt());
    assertFalse(Double.isNaN(attack.objectiveAfter()[1]));
    assertTrue(Arrays.stream(TestTensors.doubles(attack.adversarial())).noneMatch(Double::isNaN));
    assertThrows(
        IllegalStateException.class,
        () -> Pgd.bim().minimise(x -> answerLogProb(x).mul(broken), batch));
    assertThrows(
        IllegalStateException.class,
        () -> Apgd.linf().minimise(x -> answerLogProb(x).mul(broken), batch));
  }

  /** One number for several images would pick and report the same iterate for all of them. */
  @Test
  void aScalarForSeveralImagesIsRefused() {
    runs(false)
        .forEach(
            (name, run) -> {
              for (Function<Tensor, Tensor> scalar :
                  List.<Function<Tensor, Tensor>>of(
                      x -> answerLogProb(x).sum(),
                      x -> answerLogProb(x).sum().view(1),
                      x -> answerLogProb(x).sum().view(1, 1))) {
                String text =
                    assertThrows(IllegalArgumentException.class, () -> run.on(scalar, batch))
                        .getMessage();
                assertEquals(
                    "objective: expected one value per image, [3], found one value for all of them;"
                        + " return each image's own, such as loss.sum(1) where it is loss.sum()",
                    text,
                    name);
              }
              String shape =
                  assertThrows(
                          IllegalArgumentException.class,
                          () -> run.on(x -> answerLogProb(x).unsqueeze(1), batch))
                      .getMessage();
              assertTrue(shape.endsWith("[3], found shape [3, 1]"), shape);
            });
  }

  @Test
  void aScalarForOneImageIsItsValue() {
    Tensor one = clean.narrow(0, 0, 1);
    runs(false)
        .forEach(
            (name, run) -> {
              Attack alone = run.on(this::answerLogProb, PixelBatch.of(one));
              Attack scalar = run.on(x -> answerLogProb(x).sum(), PixelBatch.of(one));
              assertArrayEquals(alone.objectiveAfter(), scalar.objectiveAfter(), 0.0, name);
              assertArrayEquals(
                  TestTensors.doubles(alone.codes()), TestTensors.doubles(scalar.codes()), name);
            });
  }
}
