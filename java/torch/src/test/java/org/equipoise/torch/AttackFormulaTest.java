package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PixelSpace;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every attack's iterates over several steps against {@link AttackOracle}. */
class AttackFormulaTest {
  private static final int H = 4;
  private static final int W = 5;
  private static final int COUNT = 3 * H * W;
  private static final double EPSILON = 8 / 255.0;
  private static final double ALPHA = 2 / 255.0;
  private static final int STEPS = 6;

  /** Roundings of a step in f32, about 6 of values up to 1, over the steps. */
  private static final double FLOAT = 6 * STEPS * 6e-8;

  private final double[] original = new double[COUNT];
  private AttackOracle.Quadratic f;
  private Function<Tensor, Tensor> objective;
  private PixelBatch batch;
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    Random random = new Random(11);
    double[] a = new double[COUNT];
    double[] b = new double[COUNT];
    double[] w = new double[COUNT];
    for (int k = 0; k < COUNT; k++) {
      original[k] = (float) random.nextDouble();
      a[k] = (float) (0.5 + random.nextDouble());
      b[k] = (float) (original[k] + 0.04 * random.nextGaussian());
      w[k] = (float) (0.2 * random.nextGaussian());
    }
    f = new AttackOracle.Quadratic(a, b, w, 0.1);
    Tensor ta = image(a);
    Tensor tb = image(b);
    Tensor tw = image(w);
    objective =
        x -> {
          Tensor difference = x.sub(tb);
          Tensor dot = x.mul(tw).sum(1, 2, 3);
          return ta.mul(difference)
              .mul(difference)
              .sum(1, 2, 3)
              .mul(new Scalar(0.5))
              .add(dot.mul(dot).mul(new Scalar(0.05)));
        };
    batch = PixelBatch.of(image(original));
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor image(double[] values) {
    return TestTensors.of(ScalarType.Float, values, 1, 3, H, W);
  }

  private static Pgd raw(Pgd attack) {
    return attack.eightBit(false).keepBest(false).seed(3);
  }

  private double[] found(Pgd attack) {
    return TestTensors.doubles(raw(attack).maximise(objective, batch).adversarial());
  }

  private void same(double[] expected, double[] actual) {
    assertArrayEquals(expected, actual, FLOAT);
    assertTrue(AttackOracle.norm(AttackOracle.plus(actual, -1, original)) > EPSILON, "moved");
  }

  private Pgd steps(Pgd attack) {
    return attack.epsilon(EPSILON).stepSize(ALPHA).steps(STEPS);
  }

  @Test
  void fgsmAndBim() {
    same(AttackOracle.pgd(f, original, original, EPSILON, EPSILON, 1), found(Pgd.fgsm(EPSILON)));
    same(AttackOracle.pgd(f, original, original, EPSILON, ALPHA, STEPS), found(steps(Pgd.bim())));
  }

  @Test
  void pgdFromItsRandomStart() {
    double[] start = found(steps(Pgd.linf()).steps(0));
    same(AttackOracle.pgd(f, original, start, EPSILON, ALPHA, STEPS), found(steps(Pgd.linf())));
  }

  @Test
  void pgdL2FromItsRandomStart() {
    Pgd attack = Pgd.l2().epsilon(0.3).stepSize(0.1).steps(STEPS);
    double[] start = found(attack.steps(0));
    double distance = AttackOracle.norm(AttackOracle.plus(start, -1, original));
    assertTrue(distance > 0 && distance <= 0.3 + FLOAT, "distance of the start: " + distance);
    same(AttackOracle.pgdL2(f, original, start, 0.3, 0.1, STEPS), found(attack));
  }

  @Test
  void momentumAndNesterov() {
    for (boolean nesterov : new boolean[] {false, true}) {
      same(
          AttackOracle.momentum(f, original, EPSILON, ALPHA, STEPS, 0.9, nesterov, null, g -> g),
          found(steps(Pgd.bim()).momentum(0.9).nesterov(nesterov)));
    }
  }

  @Test
  void varianceTuning() {
    int neighbours = 3;
    double[][][] noise = new double[STEPS][neighbours][];
    Tensor zero = image(new double[COUNT]);
    for (int t = 0; t < STEPS; t++) {
      for (int k = 1; k <= neighbours; k++) {
        Tensor drawn =
            UniformStart.defaults()
                .epsilon(1.5 * EPSILON)
                .bounds(-9, 9)
                .seed(Keys.mix(3, (long) t * (neighbours + 1) + k))
                .apply(zero);
        noise[t][k - 1] = TestTensors.doubles(drawn);
      }
    }
    for (boolean nesterov : new boolean[] {false, true}) {
      same(
          AttackOracle.momentum(f, original, EPSILON, ALPHA, STEPS, 1, nesterov, noise, g -> g),
          found(steps(Pgd.bim()).momentum(1).nesterov(nesterov).variance(neighbours, 1.5)));
    }
  }

  /** The blur and the resampling themselves have tests of their own. */
  @Test
  void translationInvarianceAndInputDiversity() {
    TranslationInvariance blur = TranslationInvariance.defaults().length(5);
    UnaryOperator<double[]> oracle = g -> TestTensors.doubles(blur.apply(image(g)));
    same(
        AttackOracle.momentum(f, original, EPSILON, ALPHA, STEPS, 1, false, null, oracle),
        found(steps(Pgd.bim()).momentum(1).gradientTransform(blur)));

    InputDiversity diversity = InputDiversity.defaults().probability(0.7).resizeRate(0.6);
    double[] x = original;
    double[] m = new double[COUNT];
    for (int t = 0; t < STEPS; t++) {
      InputTransform.Draw draw = new InputTransform.Draw(3, t, null);
      double[] shown = TestTensors.doubles(diversity.forward(image(x), draw));
      double[] g =
          TestTensors.doubles(diversity.backward(image(f.gradient(shown)), image(x), draw));
      double mean = java.util.Arrays.stream(g).map(Math::abs).average().orElse(0);
      m = AttackOracle.plus(AttackOracle.plus(new double[COUNT], 0.9, m), 1 / mean, g);
      x =
          AttackOracle.projectLinf(
              AttackOracle.plus(x, ALPHA, AttackOracle.signs(m)), original, EPSILON);
    }
    same(x, found(steps(Pgd.bim()).momentum(0.9).inputTransform(diversity)));
  }

  @Test
  void expectationOverTransformations() {
    // x -> (1 + draw/10) x: the mean over draws d of (1 + d/10) gradient((1 + d/10) x).
    int samples = 3;
    InputTransform scale =
        InputTransform.differentiable(
            (x, draw) -> x.mul(new Scalar(1 + (draw.step() % samples) / 10.0)));
    double[] x = original;
    for (int t = 0; t < STEPS; t++) {
      double[] mean = new double[COUNT];
      for (int d = 0; d < samples; d++) {
        double factor = 1 + d / 10.0;
        double[] shown = AttackOracle.plus(new double[COUNT], factor, x);
        mean = AttackOracle.plus(mean, factor / samples, f.gradient(shown));
      }
      x =
          AttackOracle.projectLinf(
              AttackOracle.plus(x, ALPHA, AttackOracle.signs(mean)), original, EPSILON);
    }
    same(x, found(steps(Pgd.bim()).inputTransform(scale).samples(samples)));
  }

  /**
   * Of a concave objective: near a maximum inside the ball iterates go on to differ by their step,
   * where on the ball's surface they would tie but for roundings, on which halvings would depend.
   */
  @Test
  void apgd() {
    double[] a = AttackOracle.plus(new double[COUNT], -1, f.a());
    AttackOracle.Quadratic concave = new AttackOracle.Quadratic(a, f.b(), f.w(), -f.coupling());
    for (boolean l2 : new boolean[] {false, true}) {
      double epsilon = l2 ? 0.6 : 4 * EPSILON;
      for (int steps : new int[] {10, 25, 50}) {
        Apgd attack =
            (l2 ? Apgd.l2() : Apgd.linf()).epsilon(epsilon).seed(5).eightBit(false).steps(steps);
        double[] start =
            TestTensors.doubles(attack.steps(0).minimise(objective, batch).adversarial());
        Attack result = attack.minimise(objective, batch);
        double[] expected = AttackOracle.apgd(concave, original, start, epsilon, steps, l2);
        assertEquals(-concave.value(expected), result.objectiveAfter()[0], 1e-5);
        // Close to the maximum g / ||g|| magnifies roundings of g: positions are compared before.
        if (!l2 || steps == 10) {
          assertArrayEquals(
              expected, TestTensors.doubles(result.adversarial()), steps * 6e-7, "l2 " + l2);
        }
      }
    }
  }

  @Test
  void normalisedImagesGiveTheSamePixels() {
    float[] mean = {0.48f, 0.46f, 0.41f};
    float[] std = {0.27f, 0.26f, 0.28f};
    Tensor m = Tensor.create(mean, 1, 3, 1, 1).clone();
    Tensor s = Tensor.create(std, 1, 3, 1, 1).clone();
    PixelBatch normalised =
        PixelBatch.of(image(original).sub(m).div(s)).pixelSpace(PixelSpace.normalized(mean, std));
    Function<Tensor, Tensor> inSpace = x -> objective.apply(x.mul(s).add(m));
    for (Pgd attack :
        new Pgd[] {
          steps(Pgd.linf()),
          steps(Pgd.bim()).momentum(1).nesterov(true),
          Pgd.l2().epsilon(0.3).stepSize(0.1).steps(STEPS)
        }) {
      Tensor there = raw(attack).maximise(inSpace, normalised).adversarial();
      // The images pass through the space and back: roundings of values up to 2.
      assertArrayEquals(found(attack), TestTensors.doubles(there.mul(s).add(m)), 2 * FLOAT);
    }
  }
}
