package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/**
 * Formula of a loss over single labelled answers. {@code ls} is logsigmoid, {@code sg} sigmoid,
 * {@code s} 1 for a desirable answer and -1 for an undesirable one, {@code reward} beta times the
 * answer's log-ratio to the reference. The header {@code equipoise/unpaired_loss.h} has the
 * details.
 */
public enum UnpairedLossKind {
  /**
   * {@code 1 - sg(s (reward - beta kl))}, kl the mean log-ratio of mismatched answers, at least 0:
   * arXiv 2402.01306.
   */
  KTO(EquipoiseAbi.EQP_UNPAIRED_LOSS_KTO),
  /** {@code 1 - sg(s reward)}: arXiv 2408.06266 of single answers, as TRL. */
  APO_ZERO_UNPAIRED(EquipoiseAbi.EQP_UNPAIRED_LOSS_APO_ZERO_UNPAIRED),
  /** {@code -ls(s (reward - the running mean of rewards))}: arXiv 2404.04656. */
  BCO(EquipoiseAbi.EQP_UNPAIRED_LOSS_BCO);

  private final int code;

  UnpairedLossKind(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_unpaired_loss_kind}. */
  public int code() {
    return code;
  }
}
