package org.equipoise.mbpo.config;

import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.SftOptions;

/** The {@code train} section; its keys are documented in the defaults. */
public record TrainSettings(
    Method method,
    boolean full,
    int checkpointEvery,
    boolean recomputeActivations,
    LoraOptions lora,
    HybridGrpoOptions hybrid,
    DpoOptions dpo,
    SftOptions sft) {

  /** What the model is trained with. */
  public enum Method {
    /** Preference pairs and online answers in one policy loss: MBPO. */
    HYBRID,
    /** Preference pairs by direct preference optimisation. */
    DPO,
    /** Supervised fine-tuning on the samples' answers. */
    SFT
  }

  public TrainSettings {
    if (checkpointEvery < 1) {
      throw new IllegalArgumentException(
          "checkpointEvery must be at least 1, found " + checkpointEvery);
    }
  }
}
