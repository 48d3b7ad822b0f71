package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What becomes of a log-ratio {@code x} before the loss: f-DPO, arXiv 2309.16240. */
public enum PairDivergence {
  /** {@code x}. */
  REVERSE_KL(EquipoiseAbi.EQP_PAIR_DIVERGENCE_REVERSE_KL),
  /** {@code 1 - e^-x}. */
  FORWARD_KL(EquipoiseAbi.EQP_PAIR_DIVERGENCE_FORWARD_KL),
  /** {@code ln 2 + logsigmoid(x)}. */
  JS(EquipoiseAbi.EQP_PAIR_DIVERGENCE_JS),
  /** {@code (e^((a-1) x) - 1) / (a-1)}; close to a = 1, REVERSE_KL. */
  ALPHA(EquipoiseAbi.EQP_PAIR_DIVERGENCE_ALPHA);

  private final int code;

  PairDivergence(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_pair_divergence}. */
  public int code() {
    return code;
  }
}
