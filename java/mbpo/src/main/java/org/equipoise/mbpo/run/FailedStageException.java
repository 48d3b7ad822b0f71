package org.equipoise.mbpo.run;

import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sentence;

/** A stage's work threw. Finished stages and checkpoints are kept. */
public final class FailedStageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Characters of what the work said. */
  private static final int LONGEST = 2000;

  private final String stageId;

  FailedStageException(String stageId, Throwable cause) {
    super("stage " + stageId + " failed: " + Excerpt.beginning(Sentence.of(cause), LONGEST), cause);
    this.stageId = stageId;
  }

  public String stageId() {
    return stageId;
  }
}
