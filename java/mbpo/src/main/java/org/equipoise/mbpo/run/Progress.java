package org.equipoise.mbpo.run;

/**
 * Told how far a long job is. Called from the thread that does the work, between pieces that are
 * kept: {@link #update} may throw a {@link CancelledException} to end the job there.
 */
public interface Progress extends AutoCloseable {
  /** A task of {@code total} units begins; the task before it has ended. */
  void begin(String task, long total);

  /** {@code done} units of the task are done. */
  void update(long done);

  /** Something was found damaged and mended; a whole sentence. */
  default void notice(String sentence) {}

  /** The task has ended. */
  @Override
  void close();

  /** Tells nobody. */
  static Progress none() {
    return new Progress() {
      @Override
      public void begin(String task, long total) {}

      @Override
      public void update(long done) {}

      @Override
      public void close() {}
    };
  }
}
