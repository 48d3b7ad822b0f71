package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** How the rewards of several functions become one. */
public enum RewardAggregation {
  /** The weighted sum of the rewards. */
  SUM_THEN_NORMALIZE(EquipoiseAbi.EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE),
  /**
   * The weighted sum of rewards that were normalised within the group, each function for itself:
   * GDPO.
   */
  NORMALIZE_THEN_SUM(EquipoiseAbi.EQP_ADVANTAGE_AGGREGATION_NORMALIZE_THEN_SUM);

  private final int code;

  RewardAggregation(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_advantage_aggregation}. */
  public int code() {
    return code;
  }
}
