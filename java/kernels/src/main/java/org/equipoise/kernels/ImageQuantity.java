package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** What {@link ImageNormsKernel} measures. */
public enum ImageQuantity {
  /** Values or their difference, times the std of their channel; of copies the first counts. */
  DIFFERENCE(EquipoiseAbi.EQP_DIFFERENCE),
  /** A gradient, divided by the std of its channel; copies are added. */
  GRADIENT(EquipoiseAbi.EQP_GRADIENT);

  private final int code;

  ImageQuantity(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_image_quantity}. */
  public int code() {
    return code;
  }
}
