package org.equipoise.mbpo.train;

/** Checks of option values. */
final class OptionChecks {
  private OptionChecks() {}

  static void finite(String name, double found) {
    require(Double.isFinite(found), name + " must be finite", found);
  }

  static void require(boolean condition, String rule, Object found) {
    if (!condition) {
      throw new IllegalArgumentException(rule + ", found " + found);
    }
  }
}
