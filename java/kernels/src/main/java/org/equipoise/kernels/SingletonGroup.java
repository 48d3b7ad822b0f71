package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** The advantage of the only counted member of a group. */
public enum SingletonGroup {
  /** 0: there is nothing to compare with. */
  ZERO(EquipoiseAbi.EQP_ADVANTAGE_SINGLETON_ZERO),
  /** The raw reward, over a standard deviation of 1: as in verl. */
  RAW(EquipoiseAbi.EQP_ADVANTAGE_SINGLETON_RAW);

  private final int code;

  SingletonGroup(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_advantage_singleton}. */
  public int code() {
    return code;
  }
}
