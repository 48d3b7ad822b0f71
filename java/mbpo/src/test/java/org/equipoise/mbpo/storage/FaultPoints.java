package org.equipoise.mbpo.storage;

/** Tells tests outside this package how many points a process passed. */
public final class FaultPoints {
  public static final String PROPERTY = FaultInjection.PROPERTY;
  public static final int EXIT_CODE = FaultInjection.EXIT_CODE;

  private FaultPoints() {}

  public static long passed() {
    return FaultInjection.points();
  }
}
