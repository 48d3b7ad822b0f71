package org.equipoise.mbpo.lora;

/**
 * What all regular expressions of one file may cost together, in looks at places of a text: as much
 * as a thousand expressions for each of a thousand layers take, some seconds. Counts up to an end
 * that is the same on every machine. Not thread-safe.
 */
public final class PatternWork {
  private static final long MOST = 200_000_000;

  private long done;

  void spend(long looks) {
    done += looks;
    if (done > MOST) {
      throw new Exhausted();
    }
  }

  /** Caught where it is known which expression it was. */
  static final class Exhausted extends RuntimeException {
    private static final long serialVersionUID = 1;
  }
}
