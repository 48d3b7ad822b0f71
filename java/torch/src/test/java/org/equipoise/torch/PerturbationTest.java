package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.PixelSpace;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PerturbationTest {
  private static final int IMAGES = 2;
  private static final int CHANNELS = 3;
  private static final int PLANE = 4 * 5;
  private static final int COUNT = IMAGES * CHANNELS * PLANE;
  private static final float[] MEAN = {0.48f, 0.46f, 0.41f};
  private static final float[] STD = {0.27f, 0.26f, 0.28f};
  private static final double EPSILON = 8 / 255.0;
  private static final double STEP = 3 / 255.0;

  /** One rounding of values up to 4 in float. */
  private static final double FLOAT = 5e-7;

  private final double[] gradient = TestTensors.gaussian(12, COUNT, 1, 0);
  private final double[] original = new double[COUNT];
  private final double[] pixels = new double[COUNT];
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    java.util.Random random = new java.util.Random(3);
    for (int k = 0; k < COUNT; k++) {
      original[k] = random.nextDouble();
      pixels[k] = Math.min(1, Math.max(0, original[k] + (2 * random.nextDouble() - 1) * EPSILON));
      if (k % 7 == 0) {
        gradient[k] = 0;
      }
    }
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static int channel(int k) {
    return k / PLANE % CHANNELS;
  }

  private static double[] normalized(double[] values) {
    double[] result = new double[values.length];
    for (int k = 0; k < values.length; k++) {
      result[k] = (values[k] - MEAN[channel(k)]) / STD[channel(k)];
    }
    return result;
  }

  private static Tensor images(double[] values) {
    return TestTensors.of(ScalarType.Float, values, IMAGES, CHANNELS, 4, 5);
  }

  private double stepped(int k, double s, int direction) {
    double y = pixels[k] + direction * STEP * s;
    y = Math.max(y, Math.max(original[k] - EPSILON, 0));
    return Math.min(y, Math.min(original[k] + EPSILON, 1));
  }

  @Test
  void stepEqualsTheFormulaInRawAndNormalizedSpace() {
    double[] expected = new double[COUNT];
    for (int k = 0; k < COUNT; k++) {
      expected[k] = stepped(k, Math.signum(gradient[k]), 1);
    }
    LinfStep step = LinfStep.defaults().epsilon(EPSILON).stepSize(STEP).direction(Direction.ASCEND);
    assertArrayEquals(
        expected,
        TestTensors.doubles(step.apply(images(pixels), images(original), images(gradient))),
        FLOAT);
    assertArrayEquals(
        normalized(expected),
        TestTensors.doubles(
            step.pixelSpace(PixelSpace.normalized(MEAN, STD))
                .apply(images(normalized(pixels)), images(normalized(original)), images(gradient))),
        2 * FLOAT);
  }

  @Test
  void momentumAccumulatesNormalizedGradients() {
    double[] velocity = TestTensors.gaussian(13, COUNT, 0.5, 0);
    Tensor momentum = images(velocity);
    Tensor out = images(pixels);
    LinfStep.defaults()
        .epsilon(EPSILON)
        .stepSize(STEP)
        .momentumDecay(0.9)
        .applyInto(out, images(original), images(gradient), momentum, out);
    double[] found = TestTensors.doubles(momentum);
    double[] stepped = TestTensors.doubles(out);
    for (int image = 0; image < IMAGES; image++) {
      int from = image * CHANNELS * PLANE;
      double mean =
          Arrays.stream(gradient, from, from + CHANNELS * PLANE).map(Math::abs).average().orElse(0);
      for (int k = from; k < from + CHANNELS * PLANE; k++) {
        double m = 0.9 * velocity[k] + gradient[k] / mean;
        assertEquals(m, found[k], 2e-6, "momentum " + k);
        assertEquals(stepped(k, Math.signum(m), -1), stepped[k], FLOAT, "pixel " + k);
      }
    }
  }

  @Test
  void uniformStartStaysInTheBallAndDoesNotDependOnBatching() {
    UniformStart start = UniformStart.defaults().epsilon(EPSILON).seed(42);
    Tensor batch = images(original);
    double[] both = TestTensors.doubles(start.apply(batch));
    int distinct = 0;
    for (int k = 0; k < COUNT; k++) {
      assertTrue(
          Math.abs(both[k] - original[k]) <= EPSILON + FLOAT && both[k] >= 0 && both[k] <= 1);
      distinct += Math.abs(both[k] - original[k]) > EPSILON / 100 ? 1 : 0;
    }
    assertTrue(distinct > COUNT * 9 / 10, "moved pixels: " + distinct);
    Tensor second = new Tensor();
    start.applyInto(batch.narrow(0, 1, 1), TestTensors.longs(new long[] {1}), second);
    assertArrayEquals(Arrays.copyOfRange(both, COUNT / 2, COUNT), TestTensors.doubles(second));
    assertFalse(Arrays.equals(both, TestTensors.doubles(start.seed(43).apply(batch))));
  }

  @Test
  void gridRoundsInsideTheBall() {
    EightBitGrid grid = EightBitGrid.defaults().epsilon(EPSILON);
    double[] found = TestTensors.doubles(grid.apply(images(pixels), images(original)));
    double[] codes = TestTensors.doubles(grid.codes(images(pixels), images(original)));
    for (int k = 0; k < COUNT; k++) {
      double code = Math.rint(255 * (float) pixels[k]);
      double low = Math.ceil(255 * Math.max(0, (float) original[k] - EPSILON) - 1e-4);
      double high = Math.floor(255 * Math.min(1, (float) original[k] + EPSILON) + 1e-4);
      assertEquals(Math.min(Math.max(code, low), high), codes[k], "code " + k);
      assertEquals(codes[k] / 255, found[k], 1e-7);
    }
  }

  /** Distance to a target image: convex, so the attack must reach the projection of the target. */
  @Test
  void pgdMinimisesPerImageOnTheGrid() {
    double[] targetValues = new double[COUNT];
    Arrays.fill(targetValues, 0, COUNT / 2, 0.9);
    Arrays.fill(targetValues, COUNT / 2, COUNT, 0.1);
    Tensor target = images(targetValues);
    Tensor clean = EightBitGrid.defaults().apply(images(original), null);
    Attack attack =
        Pgd.linf()
            .epsilon(EPSILON)
            .stepSize(1 / 255.0)
            .steps(30)
            .seed(5)
            .minimise(x -> x.sub(target).abs().sum(1, 2, 3), PixelBatch.of(clean));
    double[] cleanValues = TestTensors.doubles(clean);
    double[] found = TestTensors.doubles(attack.adversarial());
    double[] codes = TestTensors.doubles(attack.codes());
    double[] expectedAfter = new double[IMAGES];
    double[] before = new double[IMAGES];
    for (int k = 0; k < COUNT; k++) {
      double move = Math.max(-EPSILON, Math.min(EPSILON, targetValues[k] - cleanValues[k]));
      before[k / (COUNT / 2)] += Math.abs(cleanValues[k] - targetValues[k]);
      expectedAfter[k / (COUNT / 2)] += Math.abs(cleanValues[k] + move - targetValues[k]);
      assertTrue(Math.abs(found[k] - cleanValues[k]) <= EPSILON + 1e-6, "inside the ball: " + k);
      assertEquals(codes[k] / 255, found[k], 1e-7, "on the grid: " + k);
    }
    assertArrayEquals(before, attack.objectiveBefore(), 1e-4);
    // The grid is 1/255 wide: at most half a code per pixel away from the optimum.
    assertArrayEquals(expectedAfter, attack.objectiveAfter(), COUNT / 2 * 0.5 / 255 + 1e-3);
    assertEquals(30, attack.steps());
    assertFalse(clean.requires_grad());
  }

  @Test
  void pgdDoesNotDependOnBatchingAndMaximiseIsMinimiseOfTheNegative() {
    Tensor clean = EightBitGrid.defaults().apply(images(original), null);
    Tensor weights = images(gradient).narrow(0, 0, 1);
    Pgd pgd = Pgd.linf().steps(3).seed(9).momentum(0.8);
    Attack both =
        pgd.maximise(x -> x.mul(weights).sum(1, 2, 3), PixelBatch.of(clean).streams(10, 11));
    Attack one =
        pgd.minimise(
            x -> x.mul(weights).sum(1, 2, 3).neg(),
            PixelBatch.of(clean.narrow(0, 1, 1)).streams(11));
    assertArrayEquals(
        Arrays.copyOfRange(TestTensors.doubles(both.codes()), COUNT / 2, COUNT),
        TestTensors.doubles(one.codes()));
    assertEquals(both.objectiveAfter()[1], -one.objectiveAfter()[0], 1e-5);
    assertTrue(both.objectiveAfter()[1] > both.objectiveBefore()[1]);
  }
}
