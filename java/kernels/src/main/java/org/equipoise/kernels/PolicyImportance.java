package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** Whose log-ratio the probability ratio is the exponential of. */
public enum PolicyImportance {
  /** The token's own. */
  TOKEN(EquipoiseAbi.EQP_POLICY_IMPORTANCE_TOKEN),
  /** The mean over the sequence's tokens (GSPO): arXiv 2507.18071. */
  SEQUENCE(EquipoiseAbi.EQP_POLICY_IMPORTANCE_SEQUENCE),
  /** The value of that mean with the gradient of the token's own (GSPO-token). */
  SEQUENCE_TOKEN(EquipoiseAbi.EQP_POLICY_IMPORTANCE_SEQUENCE_TOKEN);

  private final int code;

  PolicyImportance(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_policy_importance}. */
  public int code() {
    return code;
  }
}
