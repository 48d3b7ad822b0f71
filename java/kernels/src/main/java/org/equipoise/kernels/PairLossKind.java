package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/**
 * Formula of a pair loss. {@code ls} is logsigmoid, {@code sg} sigmoid, {@code e} the label
 * smoothing; {@code s_c, s_r} the scores of the chosen and the rejected answer, which are their
 * log-ratios unless another divergence is asked for; {@code x = beta (s_c - s_r)}, {@code x_c =
 * beta s_c}, {@code x_r = beta s_r}. The header {@code equipoise/pair_loss.h} has the details.
 */
public enum PairLossKind {
  /** {@code -(1-e) ls(x) - e ls(-x)}: DPO, arXiv 2305.18290; smoothing: cDPO. */
  SIGMOID(EquipoiseAbi.EQP_PAIR_LOSS_SIGMOID),
  /** {@code (s_c/len_c - s_r/len_r - 1/(2 beta))^2}: arXiv 2310.12036, as TRL. */
  IPO(EquipoiseAbi.EQP_PAIR_LOSS_IPO),
  /** {@code max(0, 1 - x)}: SLiC, arXiv 2305.10425. */
  HINGE(EquipoiseAbi.EQP_PAIR_LOSS_HINGE),
  /** {@code sg(x) (ls(x) - ln(1-e)) + sg(-x) (ls(-x) - ln e)}, e above 0: arXiv 2402.00856. */
  EXO_PAIR(EquipoiseAbi.EQP_PAIR_LOSS_EXO_PAIR),
  /** {@code -ls(x_c) - ls(-x_c)/2 - ls(-x_r)/2}: arXiv 2402.05369. */
  NCA_PAIR(EquipoiseAbi.EQP_PAIR_LOSS_NCA_PAIR),
  /** {@code (-(1-e) ls(x) + e ls(-x)) / (1-2e)}: arXiv 2403.00409. */
  ROBUST(EquipoiseAbi.EQP_PAIR_LOSS_ROBUST),
  /** {@code -ls(x_c) - ls(-x_r)}: arXiv 2404.04656 without its shift. */
  BCO_PAIR(EquipoiseAbi.EQP_PAIR_LOSS_BCO_PAIR),
  /** {@code (s_c - 1/(2 beta))^2 + (s_r + 1/(2 beta))^2}: arXiv 2405.00675. */
  SPPO_HARD(EquipoiseAbi.EQP_PAIR_LOSS_SPPO_HARD),
  /**
   * {@code SIGMOID} of c - r and the c_ref - r_ref of the same rank in the batch: arXiv 2406.05882.
   */
  AOT(EquipoiseAbi.EQP_PAIR_LOSS_AOT),
  /** {@code SIGMOID} of delta_c and the delta_r of the same rank in the batch. */
  AOT_UNPAIRED(EquipoiseAbi.EQP_PAIR_LOSS_AOT_UNPAIRED),
  /** {@code sg(-x_c) + sg(x_r)}: arXiv 2408.06266. */
  APO_ZERO(EquipoiseAbi.EQP_PAIR_LOSS_APO_ZERO),
  /** {@code sg(x_c) + sg(-x)}: arXiv 2408.06266. */
  APO_DOWN(EquipoiseAbi.EQP_PAIR_LOSS_APO_DOWN),
  /** {@code -(1-w) ls(x) + w e^-x}, w = sg(x / tau): arXiv 2406.08414. */
  DISCOPOP(EquipoiseAbi.EQP_PAIR_LOSS_DISCOPOP),
  /** Mean over the batch's chosen tokens of the negative log-prob. */
  SFT(EquipoiseAbi.EQP_PAIR_LOSS_SFT),
  /** {@code -ls(beta (s_c/len_c - s_r/len_r))}: length-normalised DPO, as TRL. */
  SIGMOID_NORM(EquipoiseAbi.EQP_PAIR_LOSS_SIGMOID_NORM),
  /** {@code SIGMOID} of the log-probs, without a reference: arXiv 2401.08417. */
  CPO(EquipoiseAbi.EQP_PAIR_LOSS_CPO),
  /** {@code SIGMOID} of beta (c/len_c - r/len_r) - gamma, without a reference: arXiv 2405.14734. */
  SIMPO(EquipoiseAbi.EQP_PAIR_LOSS_SIMPO),
  /**
   * {@code -beta ls(ln odds(c/len_c) - ln odds(r/len_r))}, without a reference: arXiv 2403.07691.
   */
  ORPO(EquipoiseAbi.EQP_PAIR_LOSS_ORPO),
  /** {@code -ls(x_c)}: mDPO, arXiv 2406.11839. */
  ANCHOR(EquipoiseAbi.EQP_PAIR_LOSS_ANCHOR);

  private final int code;

  PairLossKind(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_pair_loss_kind}. */
  public int code() {
    return code;
  }
}
