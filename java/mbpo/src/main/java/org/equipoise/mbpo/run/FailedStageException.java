package org.equipoise.mbpo.run;

import org.equipoise.mbpo.storage.Sentence;

/** A stage's work threw. Finished stages and checkpoints are kept. */
public final class FailedStageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String stageId;

  FailedStageException(String stageId, Throwable cause) {
    super("stage " + stageId + " failed: " + Sentence.of(cause), cause);
    this.stageId = stageId;
  }

  public String stageId() {
    return stageId;
  }
}
