package org.equipoise.mbpo.storage;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A short text by which work is found again: the same for the same named values, in whatever
 * virtual machine and whatever order they come from a map or a set; another one for others. What
 * decides a result goes in by its contents, a file as {@link FileDigests}, never by its name. Not
 * thread-safe.
 */
public final class Fingerprint {
  private final Map<String, String> values = new TreeMap<>();

  /**
   * @param name of the value, not used before
   * @param value counts by its {@link #text}
   */
  public Fingerprint add(String name, @Nullable Object value) {
    if (values.put(name, text(value)) != null) {
      throw new IllegalArgumentException("two values of a fingerprint are called " + name);
    }
    return this;
  }

  /** All 64 hexadecimal digits. */
  public String hex() {
    Sha256 hash = new Sha256();
    values.forEach(hash::add);
    return hash.hex();
  }

  /**
   * The text of a record, number, string, enum, or a list, set or map of such. Maps and sets are
   * sorted, within records too: the order of an immutable map of Java's differs from process to
   * process.
   */
  public static String text(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      TreeMap<String, String> sorted = new TreeMap<>();
      map.forEach((key, item) -> sorted.put(text(key), text(item)));
      return sorted.toString();
    }
    if (value instanceof Collection<?> items) {
      Collection<String> texts = items instanceof Set<?> ? new TreeSet<>() : new ArrayList<>();
      items.forEach(item -> texts.add(text(item)));
      return texts.toString();
    }
    if (value instanceof Record) {
      return recordText(value);
    }
    String text = String.valueOf(value);
    if (value != null
        && !(value instanceof String)
        && (value.getClass().isArray() || text.startsWith(value.getClass().getName() + "@"))) {
      throw new IllegalArgumentException(
          "has no text of its own ("
              + text
              + "); pass a record, a number, a string, or a list, set or map of such");
    }
    return text;
  }

  private static String recordText(Object value) {
    List<String> parts = new ArrayList<>();
    for (RecordComponent component : value.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        parts.add(component.getName() + "=" + text(component.getAccessor().invoke(value)));
      } catch (IllegalAccessException | InvocationTargetException e) {
        throw new IllegalStateException("cannot read " + component + " of a record", e);
      }
    }
    return value.getClass().getSimpleName() + "[" + String.join(", ", parts) + "]";
  }
}
