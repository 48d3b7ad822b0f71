package org.equipoise.mbpo.storage;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Kills the process at one numbered point between two file operations, so that a test can show that
 * a run survives being killed anywhere. Off unless the system property {@value #PROPERTY} is set:
 * then point number n (counted from 1) halts the virtual machine without any clean-up, as SIGKILL
 * does.
 */
final class FaultInjection {
  static final String PROPERTY = "equipoise.haltAtFileOperation";
  static final int EXIT_CODE = 137;

  private static final long HALT_AT = Long.getLong(PROPERTY, 0);
  private static final AtomicLong POINTS = new AtomicLong();

  private FaultInjection() {}

  /**
   * @param place for example {@code "between write and rename"}
   */
  static void point(String place) {
    if (POINTS.incrementAndGet() == HALT_AT) {
      System.err.println("halted " + place);
      Runtime.getRuntime().halt(EXIT_CODE);
    }
  }

  /** Points passed so far. */
  static long points() {
    return POINTS.get();
  }
}
