package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FingerprintTest {
  private record Inner(Map<String, Integer> map, List<Object> list) {}

  private record Outer(String name, Inner inner, double number) {}

  /** What an immutable map of Java's does from one virtual machine to the next. */
  private static <V> Map<String, V> reversed(Map<String, V> map) {
    List<String> keys = new ArrayList<>(map.keySet());
    Collections.reverse(keys);
    Map<String, V> other = new LinkedHashMap<>();
    keys.forEach(key -> other.put(key, map.get(key)));
    return other;
  }

  @Test
  void theOrderOfMapsAndSetsDoesNotCountHoweverDeepTheyLie() {
    Map<String, Integer> map = Map.of("a", 1, "b", 2, "c", 3, "d", 4);
    Map<String, Integer> other = reversed(map);
    Outer one = new Outer("x", new Inner(map, List.of(map, 7)), 0.5);
    Outer two = new Outer("x", new Inner(other, List.of(other, 7)), 0.5);
    assertNotEquals(one.toString(), two.toString(), "or nothing is tested");
    assertEquals(Fingerprint.text(one), Fingerprint.text(two));
    assertEquals(
        "Outer[name=x, inner=Inner[map={a=1, b=2, c=3, d=4}, list=[{a=1, b=2, c=3, d=4}, 7]],"
            + " number=0.5]",
        Fingerprint.text(one));
    assertEquals(
        Fingerprint.text(new LinkedHashSet<>(List.of("b", "a"))),
        Fingerprint.text(new LinkedHashSet<>(List.of("a", "b"))));
    assertNotEquals(Fingerprint.text(List.of("a", "b")), Fingerprint.text(List.of("b", "a")));
    assertEquals(
        new Fingerprint().add("one", 1).add("two", map).hex(),
        new Fingerprint().add("two", other).add("one", 1).hex());
  }

  @Test
  void namesAndValuesCount() {
    String hex = new Fingerprint().add("a", "b").hex();
    assertNotEquals(hex, new Fingerprint().add("a", "c").hex());
    assertNotEquals(hex, new Fingerprint().add("ab", "").hex());
    Fingerprint twice = new Fingerprint().add("a", 1);
    assertThrows(IllegalArgumentException.class, () -> twice.add("a", 1));
    assertThrows(IllegalArgumentException.class, () -> Fingerprint.text(new int[1]));
    assertThrows(IllegalArgumentException.class, () -> Fingerprint.text(List.of(new Object())));
    String likeThatOfAnObject = "java.lang.String@4567";
    assertEquals(likeThatOfAnObject, Fingerprint.text(likeThatOfAnObject));
  }
}
