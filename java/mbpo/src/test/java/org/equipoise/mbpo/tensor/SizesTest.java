package org.equipoise.mbpo.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SizesTest {
  private static void assertRefused(String found, long... sizes) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Sizes.array("rows", sizes)).getMessage();
    assertTrue(message.startsWith("rows: expected at most 2147483639 numbers"), message);
    assertTrue(message.contains("found " + found), message);
  }

  /** Each of these is 0, or small, as an int or a long. */
  @Test
  void productsAreNotCut() {
    assertEquals(24, Sizes.array("rows", 2, 3, 4));
    assertEquals(0, Sizes.array("rows", 1L << 40, 0));
    assertRefused("4294967296", 1 << 16, 1 << 16);
    assertRefused("4294967304", 2, (1L << 31) + 4);
    assertRefused("more than 9223372036854775807", 1L << 32, 1L << 32);
  }

  @Test
  void estimatesEndAtTheLargestNumber() {
    assertEquals(3L << 40, Sizes.saturated(3.0 * (1L << 40)));
    assertEquals(Long.MAX_VALUE, Sizes.saturated(4.0 * Long.MAX_VALUE));
  }
}
