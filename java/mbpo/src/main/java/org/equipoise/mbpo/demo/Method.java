package org.equipoise.mbpo.demo;

/**
 * A row of the tables: a model and how it is decoded.
 *
 * @param id short, for files
 * @param title as a reader should see it
 * @param kind rows of one kind stand together
 * @param modelStage the stage whose model answers
 * @param contrastAlpha of blind-contrast decoding; 0 is none
 */
record Method(String id, String title, String kind, String modelStage, double contrastAlpha) {

  /** The stage that evaluates it. */
  String evaluationStage() {
    return "evaluate-" + id;
  }
}
