package org.equipoise.mbpo.demo;

/** What is compared. The order is that of the tables. */
enum Method {
  START("start", "start", "Start", "no training", 0),
  START_CONTRAST("start-contrast", "start", "Start, blind-contrast decoding", "no training", 1),
  GOLD_SFT("sft", "train-sft", "SFT on the same gold answers", "trained", 0),
  DPO("dpo", "train-dpo", "DPO on the same pairs", "trained", 0),
  HYBRID("hybrid", "train-hybrid", "MBPO hybrid", "trained", 0),
  HYBRID_CONTRAST(
      "hybrid-contrast", "train-hybrid", "MBPO hybrid, blind-contrast decoding", "trained", 1);

  /** Start's yes/no answers by a threshold fitted on development items. */
  static final String FITTED_START = "Start, fitted threshold";

  private final String id;
  private final String modelStage;
  private final String title;
  private final String kind;
  private final int contrast;

  Method(String id, String modelStage, String title, String kind, int contrast) {
    this.id = id;
    this.modelStage = modelStage;
    this.title = title;
    this.kind = kind;
    this.contrast = contrast;
  }

  String title() {
    return title;
  }

  String kind() {
    return kind;
  }

  /** The stage whose model answers. */
  String modelStage() {
    return modelStage;
  }

  /** The stage that evaluates it. */
  String evaluationStage() {
    return "evaluate-" + id;
  }

  double contrastAlpha(DemoConfig.Decoding decoding) {
    if (contrast == 0) {
      return 0;
    }
    return this == START_CONTRAST ? decoding.startContrast() : decoding.hybridContrast();
  }
}
