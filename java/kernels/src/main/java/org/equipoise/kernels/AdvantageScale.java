package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What centred rewards are divided by. */
public enum AdvantageScale {
  /** The group's standard deviation: TRL {@code scale_rewards="group"}, verl grpo. */
  GROUP(EquipoiseAbi.EQP_ADVANTAGE_SCALE_GROUP),
  /** The batch's standard deviation: TRL {@code scale_rewards="batch"}. */
  BATCH(EquipoiseAbi.EQP_ADVANTAGE_SCALE_BATCH),
  /** Nothing: Dr. GRPO. */
  NONE(EquipoiseAbi.EQP_ADVANTAGE_SCALE_NONE),
  /** Whitening of the centred values over the batch, weighted by lengths where given. */
  WHITEN(EquipoiseAbi.EQP_ADVANTAGE_SCALE_WHITEN),
  /** The share of the batch's rewards that are not 0: GPG. */
  NONZERO(EquipoiseAbi.EQP_ADVANTAGE_SCALE_NONZERO);

  private final int code;

  AdvantageScale(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_advantage_scale}. */
  public int code() {
    return code;
  }
}
