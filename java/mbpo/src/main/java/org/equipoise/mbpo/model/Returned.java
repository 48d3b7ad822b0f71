package org.equipoise.mbpo.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What functions of the caller's own gave, refused by their name where they gave nothing. */
public final class Returned {
  private Returned() {}

  /**
   * @param function its interface and name, such as {@code "VerifiedReward.judge"}
   */
  public static <T> T required(@Nullable T value, String function) {
    if (value == null) {
      throw new IllegalStateException(function + ": expected a value, found null");
    }
    return value;
  }

  /** A list of so many values, none of them missing. */
  public static <T> List<T> each(@Nullable List<T> values, int count, String function) {
    required(values, function);
    if (values.size() != count) {
      throw new IllegalStateException(
          function + ": expected " + count + " values, found " + values.size());
    }
    values.forEach(value -> required(value, function));
    return values;
  }
}
