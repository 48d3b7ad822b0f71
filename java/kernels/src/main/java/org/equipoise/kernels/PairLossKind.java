package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** Formula of a pair loss; {@code ls} is logsigmoid, {@code e} the label smoothing. */
public enum PairLossKind {
  /** {@code -(1-e) ls(beta delta) - e ls(-beta delta)}: DPO, arXiv 2305.18290; smoothing: cDPO. */
  SIGMOID(EquipoiseAbi.EQP_PAIR_LOSS_SIGMOID),
  /** {@code (delta_c/len_c - delta_r/len_r - 1/(2 beta))^2}: arXiv 2310.12036, as TRL. */
  IPO(EquipoiseAbi.EQP_PAIR_LOSS_IPO),
  /** {@code max(0, 1 - beta delta)}: SLiC, arXiv 2305.10425. */
  HINGE(EquipoiseAbi.EQP_PAIR_LOSS_HINGE);

  private final int code;

  PairLossKind(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_pair_loss_kind}. */
  public int code() {
    return code;
  }
}
