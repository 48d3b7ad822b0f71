package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What is subtracted from a reward r of a group. */
public enum AdvantageBaseline {
  /** The mean of the group: GRPO. */
  MEAN(EquipoiseAbi.EQP_ADVANTAGE_BASELINE_MEAN),
  /** The mean of the other members: RLOO. */
  OTHERS(EquipoiseAbi.EQP_ADVANTAGE_BASELINE_OTHERS),
  /** The mean weighted by the lengths of the completions: OPO. */
  LENGTHS(EquipoiseAbi.EQP_ADVANTAGE_BASELINE_LENGTHS),
  /** The second largest, of the largest only; the others get 0: pass@k. */
  SECOND(EquipoiseAbi.EQP_ADVANTAGE_BASELINE_SECOND),
  /** A number given for each sample, such as the greedy answer's reward: ReMax. */
  GIVEN(EquipoiseAbi.EQP_ADVANTAGE_BASELINE_GIVEN);

  private final int code;

  AdvantageBaseline(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_advantage_baseline}. */
  public int code() {
    return code;
  }
}
