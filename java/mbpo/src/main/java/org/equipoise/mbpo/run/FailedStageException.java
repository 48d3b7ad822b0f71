package org.equipoise.mbpo.run;

/** A stage's work threw. Finished stages and checkpoints are kept. */
public final class FailedStageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String stageId;

  FailedStageException(String stageId, Throwable cause) {
    super("stage " + stageId + " failed: " + sentence(cause), cause);
    this.stageId = stageId;
  }

  public String stageId() {
    return stageId;
  }

  private static String sentence(Throwable cause) {
    String message = cause.getMessage();
    return message == null || message.isBlank() ? cause.getClass().getName() : message;
  }
}
