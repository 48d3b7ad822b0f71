package org.equipoise.mbpo.run;

/** The run was asked to stop. Finished stages and checkpoints are kept. */
public final class CancelledException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CancelledException() {
    super("cancelled; finished work is kept, the same command goes on from here");
  }
}
