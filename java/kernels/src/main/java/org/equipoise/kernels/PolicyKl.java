package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** Estimate of the KL to the reference, d = log_prob - reference. */
public enum PolicyKl {
  /** {@code d}. */
  K1(EquipoiseAbi.EQP_POLICY_KL_K1),
  /** {@code |d|}. */
  ABS(EquipoiseAbi.EQP_POLICY_KL_ABS),
  /** {@code d^2 / 2}. */
  K2(EquipoiseAbi.EQP_POLICY_KL_K2),
  /** {@code exp(-d) + d - 1}. */
  K3(EquipoiseAbi.EQP_POLICY_KL_K3);

  private final int code;

  PolicyKl(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_policy_kl}. */
  public int code() {
    return code;
  }
}
