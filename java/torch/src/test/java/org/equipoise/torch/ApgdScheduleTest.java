package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.equipoise.kernels.Direction;
import org.junit.jupiter.api.Test;

class ApgdScheduleTest {
  /** Section 3 of arXiv 2003.01690 for 100 steps, when nothing ever gets better. */
  @Test
  void checkpointsOfThePaper() {
    ApgdSchedule schedule = new ApgdSchedule(Direction.DESCEND, 100, 0.5, new double[] {1, 1});
    List<Integer> halvings = new ArrayList<>();
    double size = 1;
    for (int step = 1; step <= 100; step++) {
      // The second image gets better with every step.
      boolean[] restart =
          schedule.observe(step, new double[] {2, 1 - step}, new double[] {1, 1 - step});
      if (restart[0]) {
        halvings.add(step);
        size /= 2;
      }
      assertArrayEquals(new double[] {size, 1}, schedule.stepSizes());
    }
    assertEquals(List.of(22, 41, 57, 70, 80, 87, 93, 99), halvings);
  }

  @Test
  void noHalvingTwiceForWantOfABetterBest() {
    // Rises at every step but one of a window, and never beats the best of the start.
    ApgdSchedule schedule = new ApgdSchedule(Direction.ASCEND, 100, 0.5, new double[] {1000});
    List<Integer> halvings = new ArrayList<>();
    double value = 0;
    for (int step = 1; step <= 57; step++) {
      if (schedule.observe(step, new double[] {value++}, new double[] {1000})[0]) {
        halvings.add(step);
        value = 2000; // it begins again at its best
      }
    }
    assertEquals(List.of(22, 57), halvings);
  }
}
