package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.equipoise.mbpo.report.Metric.Direction;
import org.junit.jupiter.api.Test;

class VerdictTest {
  private static final Interval ABOVE = new Interval(.1, .01, .2);
  private static final Interval BELOW = new Interval(-.1, -.2, -.01);
  private static final Interval ACROSS = new Interval(.1, -.01, .2);

  @Test
  void theWholeIntervalMustLieOnOneSide() {
    assertEquals(Verdict.BETTER, Verdict.of(Direction.HIGHER, ABOVE));
    assertEquals(Verdict.WORSE, Verdict.of(Direction.HIGHER, BELOW));
    assertEquals(Verdict.BETTER, Verdict.of(Direction.LOWER, BELOW));
    assertEquals(Verdict.WORSE, Verdict.of(Direction.LOWER, ABOVE));
    assertEquals(Verdict.NO_CLEAR_DIFFERENCE, Verdict.of(Direction.HIGHER, ACROSS));
    assertEquals(Verdict.NO_CLEAR_DIFFERENCE, Verdict.of(Direction.LOWER, ACROSS));
  }

  @Test
  void touchingZeroIsNotClear() {
    assertEquals(
        Verdict.NO_CLEAR_DIFFERENCE, Verdict.of(Direction.HIGHER, new Interval(.1, 0, .2)));
    assertEquals(Verdict.NO_CLEAR_DIFFERENCE, Verdict.of(Direction.HIGHER, new Interval(0, 0, 0)));
  }

  @Test
  void nothingIsSaidWithoutIntervalOrGoodSide() {
    assertNull(Verdict.of(Direction.HIGHER, null));
    assertNull(Verdict.of(Direction.HIGHER, Interval.of(.5)));
    assertNull(Verdict.of(Direction.NEITHER, ABOVE));
  }

  @Test
  void boundsAreOrdered() {
    assertThrows(IllegalArgumentException.class, () -> new Interval(.1, .2, .1));
    assertThrows(IllegalArgumentException.class, () -> new Interval(.1, Double.NaN, .1));
  }
}
