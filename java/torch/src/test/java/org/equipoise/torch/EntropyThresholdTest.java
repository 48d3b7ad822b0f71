package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EntropyThresholdTest {
  private static final double[] SHARES = {0, 0.2, 0.35, 0.5, 0.8, 1};

  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** The definition of the quantile, on a sorted copy. */
  private static double quantile(double quantile, double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double position = quantile * (sorted.length - 1);
    int below = (int) position;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }

  /** With a bool mask and with one of bytes that are not 0, which are the same to every op. */
  private static double threshold(double share, double[] values, int... mask) {
    Tensor entropy = TestTensors.of(ScalarType.Double, values, 2, values.length / 2);
    Tensor keep = TestTensors.mask(mask, 2, values.length / 2);
    double found = TestTensors.scalar(EntropyThreshold.ofTop(share, entropy, keep));
    Tensor bytes = keep.to(ScalarType.Byte).mul(new Scalar(3));
    assertEquals(found, TestTensors.scalar(EntropyThreshold.ofTop(share, entropy, bytes)));
    return found;
  }

  @Test
  void isTheQuantileOfTheUnmaskedEntropies() {
    double[] values = {0.3, 2, Double.NaN, 0.1, 1.5, 0.7, 0.7, Double.NaN, 0.2, 3};
    int[] mask = {1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
    double[] unmasked = Arrays.stream(values).filter(v -> !Double.isNaN(v)).toArray();
    for (double share : SHARES) {
      assertEquals(quantile(1 - share, unmasked), threshold(share, values, mask), 1e-15);
    }
  }

  @Test
  void equalsLibTorchsQuantile() {
    double[] values = TestTensors.gaussian(5, 1000, 1, 2);
    Tensor entropy = TestTensors.of(ScalarType.Float, values, 10, 100);
    int[] mask = new int[1000];
    Arrays.fill(mask, 1);
    for (double share : SHARES) {
      Tensor ours = EntropyThreshold.ofTop(share, entropy, TestTensors.mask(mask, 10, 100));
      double theirs = TestTensors.scalar(entropy.quantile(1 - share));
      assertEquals(theirs, TestTensors.scalar(ours), Math.ulp((float) theirs));
    }
  }

  @Test
  void noTokensAndNan() {
    assertEquals(Double.POSITIVE_INFINITY, threshold(0.2, new double[] {1, 2, 3, 4}, 0, 0, 0, 0));
    double[] broken = {1, Double.NaN, 3, 4};
    assertEquals(Double.NaN, threshold(0.2, broken, 1, 1, 1, 1));
    assertEquals(5, threshold(0.2, new double[] {1, 5, 3, 4}, 0, 1, 0, 0));
  }

  @Test
  void infiniteNeighbours() {
    double[] values = {1, 2, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY};
    assertEquals(Double.POSITIVE_INFINITY, threshold(0.2, values, 1, 1, 1, 1), "both infinite");
    assertEquals(2, threshold(0.5, new double[] {1, 2, Double.POSITIVE_INFINITY, 9}, 1, 1, 1, 0));
    assertEquals(Double.POSITIVE_INFINITY, threshold(0.4, values, 1, 1, 1, 1), "one infinite");
  }

  @Test
  void errorsNameTheArgument() {
    Tensor entropy = TestTensors.of(ScalarType.Float, new double[] {1, 2}, 1, 2);
    Tensor mask = TestTensors.mask(new int[] {1, 1}, 1, 2);
    assertEquals(
        "EntropyThreshold: share: expected a number from 0 to 1, found 1.5",
        assertThrows(
                IllegalArgumentException.class, () -> EntropyThreshold.ofTop(1.5, entropy, mask))
            .getMessage());
    assertEquals(
        "EntropyThreshold: mask: expected the shape of entropy [1, 2], found [2, 1]",
        assertThrows(
                IllegalArgumentException.class,
                () -> EntropyThreshold.ofTop(0.2, entropy, mask.view(2, 1)))
            .getMessage());
    assertEquals(
        "EntropyThreshold: mask: expected dtype bool or uint8, found Float",
        assertThrows(
                IllegalArgumentException.class,
                () -> EntropyThreshold.ofTop(0.2, entropy, mask.to(ScalarType.Float)))
            .getMessage());
  }
}
