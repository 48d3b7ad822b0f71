package org.equipoise.mbpo.demo.task;

/** What is asked about a scene. */
public enum QuestionKind {
  /** "there is dog . is there also bone" */
  YES_NO("yes-no"),
  /** "is there bone": says nothing about the rest of the scene, so its text alone has no answer. */
  EXISTENCE("existence"),
  /** "what is with dog ? fries or bone or key or bee" */
  MULTIPLE_CHOICE("multiple-choice"),
  /** "caption": every object in reading order. */
  CAPTION("caption");

  private final String id;

  QuestionKind(String id) {
    this.id = id;
  }

  /** The name used as a sample's kind. */
  public String id() {
    return id;
  }
}
