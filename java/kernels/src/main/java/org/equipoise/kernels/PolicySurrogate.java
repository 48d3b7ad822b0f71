package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What a token contributes; q its probability ratio to the old policy, A its advantage. */
public enum PolicySurrogate {
  /** {@code -min(q A, clip(q, 1 - epsilon_low, 1 + epsilon_high) A)}: arXiv 1707.06347. */
  CLIP(EquipoiseAbi.EQP_POLICY_SURROGATE_CLIP),
  /** {@code -sg(min(q, epsilon_high)) A log_prob}: arXiv 2506.13585, the bound as TRL takes it. */
  CISPO_ABSOLUTE(EquipoiseAbi.EQP_POLICY_SURROGATE_CISPO_ABSOLUTE),
  /**
   * {@code -sg(clip(q, 1 - epsilon_low, 1 + epsilon_high)) A log_prob}: the bounds as verl takes
   * them.
   */
  CISPO_RELATIVE(EquipoiseAbi.EQP_POLICY_SURROGATE_CISPO_RELATIVE),
  /** {@code -A sigmoid(tau (q - 1)) 4 / tau}: arXiv 2511.20347. */
  SAPO(EquipoiseAbi.EQP_POLICY_SURROGATE_SAPO),
  /** {@code -sg(phi(W)) A log_prob}, W the ratio of the whole sequence: arXiv 2602.10693. */
  VESPO(EquipoiseAbi.EQP_POLICY_SURROGATE_VESPO),
  /**
   * {@code -A} times the geometric mean of the ratios, each clipped on one side: arXiv 2507.20673.
   */
  GMPO(EquipoiseAbi.EQP_POLICY_SURROGATE_GMPO);

  private final int code;

  PolicySurrogate(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_policy_surrogate}. */
  public int code() {
    return code;
  }
}
