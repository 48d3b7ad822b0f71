package org.equipoise.mbpo;

/**
 * How often a test repeats what it repeats: in every build as often as it takes to catch an error
 * that is there, and with {@code -Dequipoise.proof=full} as often as time allows.
 */
public final class Proof {
  private static final boolean FULL = "full".equals(System.getProperty("equipoise.proof"));

  private Proof() {}

  public static int count(int full, int inEveryBuild) {
    return FULL ? full : inEveryBuild;
  }
}
