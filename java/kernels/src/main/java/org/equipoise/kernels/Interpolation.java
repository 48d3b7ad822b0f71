package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** How {@link InputDiversityKernel} shrinks an image. */
public enum Interpolation {
  /** Linear between the four neighbours, corners not aligned, as torchattacks. */
  BILINEAR(EquipoiseAbi.EQP_BILINEAR),
  /** The nearest pixel, as the paper's own code. */
  NEAREST(EquipoiseAbi.EQP_NEAREST);

  private final int code;

  Interpolation(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_interpolation}. */
  public int code() {
    return code;
  }
}
