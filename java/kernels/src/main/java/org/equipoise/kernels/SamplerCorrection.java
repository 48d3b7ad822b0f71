package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What is done with the ratio between the old policy and the engine that sampled. */
public enum SamplerCorrection {
  /** Nothing; its figures are still in the metrics. */
  NONE(EquipoiseAbi.EQP_SAMPLER_CORRECTION_NONE),
  /** The surrogate is multiplied by the ratio, clipped to its limits. */
  TRUNCATE(EquipoiseAbi.EQP_SAMPLER_CORRECTION_TRUNCATE),
  /** The surrogate is multiplied by the ratio, or dropped where that is outside of its limits. */
  MASK(EquipoiseAbi.EQP_SAMPLER_CORRECTION_MASK);

  private final int code;

  SamplerCorrection(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_sampler_correction}. */
  public int code() {
    return code;
  }
}
