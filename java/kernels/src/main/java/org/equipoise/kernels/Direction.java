package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** Which way a perturbation step moves the objective whose gradient it is given. */
public enum Direction {
  /** Minimise the objective. */
  DESCEND(EquipoiseAbi.EQP_DESCEND),
  /** Maximise the objective. */
  ASCEND(EquipoiseAbi.EQP_ASCEND);

  private final int code;

  Direction(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_direction}. */
  public int code() {
    return code;
  }
}
