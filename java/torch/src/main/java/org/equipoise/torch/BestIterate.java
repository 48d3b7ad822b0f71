package org.equipoise.torch;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;

/** The iterate with the best objective seen so far, of every image. */
final class BestIterate {
  private final PixelBatch batch;
  private final Direction direction;
  private final Tensor best;
  private final double[] values;
  private final int[] lostAt;
  private final boolean[] wasNumber;

  /**
   * @param best written: a tensor as the kernels take it
   */
  BestIterate(PixelBatch batch, Direction direction, Tensor best) {
    this.batch = batch;
    this.direction = direction;
    this.best = best;
    int count = batch.images();
    values = new double[count];
    lostAt = new int[count];
    wasNumber = new boolean[count];
    Arrays.fill(values, Double.NaN);
    Arrays.fill(lostAt, -1);
  }

  /** Takes the images of the point whose value is better; tells which. */
  boolean[] offer(Tensor point, double[] offered, int step, boolean always) {
    boolean[] taken = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      if (Double.isNaN(offered[i])) {
        lostAt[i] = lostAt[i] < 0 ? step : lostAt[i];
      } else {
        wasNumber[i] = true;
      }
      boolean better =
          direction == Direction.ASCEND ? offered[i] > values[i] : offered[i] < values[i];
      taken[i] = always || better || (Double.isNaN(values[i]) && !Double.isNaN(offered[i]));
      if (taken[i]) {
        values[i] = offered[i];
        copyImage(point, best, i);
      }
    }
    return taken;
  }

  void copyImage(Tensor from, Tensor to, int image) {
    batch.rows(to, image).copy_(batch.rows(from, image));
  }

  Tensor images() {
    return best;
  }

  double[] values() {
    return values;
  }

  /** The first step at which an image's objective was NaN; -1: never. */
  int[] lostAt() {
    return lostAt;
  }

  void requireNumbers() {
    for (int i = 0; i < values.length; i++) {
      if (Double.isNaN(values[i])) {
        throw new IllegalStateException(
            "the objective of image "
                + i
                + (wasNumber[i]
                    ? " was NaN at the last iterate of the attack, which keepBest(false) asks for;"
                        + " keepBest(true) returns the best one before it"
                    : " was NaN at every iterate of the attack"));
      }
    }
  }
}
