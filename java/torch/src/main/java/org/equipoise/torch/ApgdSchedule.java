package org.equipoise.torch;

import java.util.Arrays;
import org.equipoise.kernels.Direction;

/**
 * The step sizes of APGD (arXiv 2003.01690, section 3): 2 epsilon at first, halved at a checkpoint
 * w_j where, since the checkpoint before, fewer than rho (w_j - w_j-1) steps were better than the
 * one before them, or where neither the step size nor the best objective has changed.
 *
 * <pre>{@code
 * w_j = ceil(p_j steps);  p_0 = 0, p_1 = 0.22, p_j+1 = p_j + max(p_j - p_j-1 - 0.03, 0.06)
 * }</pre>
 */
final class ApgdSchedule {
  static final double RHO = 0.75;

  private final Direction direction;
  private final int steps;
  private final double[] sizes;
  private final int[] better; // steps since the last checkpoint that were better than those before
  private final double[] last;
  private final double[] bestAtCheckpoint;
  private final boolean[] halvedAtCheckpoint;
  // Hundredths of the steps: exact, so that no checkpoint is a step late.
  private int percent = 22;
  private int percentBefore;
  private int checkpointBefore;

  ApgdSchedule(Direction direction, int steps, double epsilon, double[] startValues) {
    this.direction = direction;
    this.steps = steps;
    int count = startValues.length;
    sizes = new double[count];
    Arrays.fill(sizes, 2 * epsilon);
    better = new int[count];
    last = startValues.clone();
    bestAtCheckpoint = startValues.clone();
    halvedAtCheckpoint = new boolean[count];
  }

  /** Of the next step, per image. */
  double[] stepSizes() {
    return sizes.clone();
  }

  private int checkpoint() {
    return Math.toIntExact(((long) percent * steps + 99) / 100);
  }

  /**
   * Takes the objective of the iterate after `step` steps, step = 1, 2, …; tells which images begin
   * again at their best iterate.
   */
  boolean[] observe(int step, double[] values, double[] best) {
    boolean[] restart = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      boolean rises = direction == Direction.ASCEND ? values[i] > last[i] : values[i] < last[i];
      better[i] += rises ? 1 : 0;
      last[i] = values[i];
    }
    if (step < checkpoint()) {
      return restart;
    }
    int window = step - checkpointBefore;
    for (int i = 0; i < values.length; i++) {
      boolean rarely = better[i] < RHO * window;
      boolean stuck = !halvedAtCheckpoint[i] && !(best[i] != bestAtCheckpoint[i]);
      restart[i] = rarely || stuck;
      if (restart[i]) {
        sizes[i] /= 2;
        // The next step is compared with the iterate it starts from.
        last[i] = best[i];
      }
      halvedAtCheckpoint[i] = restart[i];
      bestAtCheckpoint[i] = best[i];
      better[i] = 0;
    }
    int next = percent + Math.max(percent - percentBefore - 3, 6);
    percentBefore = percent;
    percent = next;
    checkpointBefore = step;
    return restart;
  }
}
