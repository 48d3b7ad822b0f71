package org.equipoise.mbpo.random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class KeyedRandomTest {

  /** Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds). */
  @Test
  void philoxGivesTheKnownAnswers() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        KeyedRandom.philox(new int[4], 0, 0));
    assertArrayEquals(
        new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        KeyedRandom.philox(new int[] {-1, -1, -1, -1}, -1, -1));
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        KeyedRandom.philox(
            new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0));
  }

  @Test
  void everyPartOfTheKeyMatters() {
    KeyedRandom random = KeyedRandom.of(1, "stage");
    long bits = random.bits(2, 3, 4);
    assertEquals(bits, KeyedRandom.of(1, "stage").bits(2, 3, 4));
    assertNotEquals(bits, KeyedRandom.of(2, "stage").bits(2, 3, 4));
    assertNotEquals(bits, KeyedRandom.of(1, "other").bits(2, 3, 4));
    assertNotEquals(bits, random.stage("part").bits(2, 3, 4));
    assertNotEquals(bits, random.bits(3, 3, 4));
    assertNotEquals(bits, random.bits(2, 4, 4));
    assertNotEquals(bits, random.bits(2, 3 + (1L << 32), 4));
    assertNotEquals(bits, random.bits(2, 3, 5));
    assertThrows(IllegalArgumentException.class, () -> random.bits(-1, 0, 0));
  }

  @Test
  void momentsAreRight() {
    KeyedRandom random = KeyedRandom.of(7, "moments");
    int count = 100_000;
    double uniform = 0;
    double normal = 0;
    double square = 0;
    double fourth = 0;
    for (int i = 0; i < count; i++) {
      uniform += random.uniform(0, i, 0);
      double value = random.gaussian(0, i, 0);
      normal += value;
      square += value * value;
      fourth += value * value * value * value;
    }
    // Five standard errors of each mean.
    assertEquals(0.5, uniform / count, 5 * Math.sqrt(1.0 / 12 / count));
    assertEquals(0, normal / count, 5 / Math.sqrt(count));
    assertEquals(1, square / count, 5 * Math.sqrt(2.0 / count));
    assertEquals(3, fourth / count, 5 * Math.sqrt(96.0 / count));
  }

  @Test
  void permutationsHoldEveryNumberOnceAndDiffer() {
    KeyedRandom random = KeyedRandom.of(7, "order");
    int[] first = random.permutation(100, 0, 0);
    int[] sorted = first.clone();
    Arrays.sort(sorted);
    for (int i = 0; i < sorted.length; i++) {
      assertEquals(i, sorted[i]);
    }
    assertTrue(!Arrays.equals(first, random.permutation(100, 1, 0)));
    assertArrayEquals(first, random.permutation(100, 0, 0));
  }
}
