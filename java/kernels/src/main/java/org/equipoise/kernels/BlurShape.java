package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** The kernel of {@link TranslationInvarianceKernel}, along one axis and before normalisation. */
public enum BlurShape {
  /** {@code exp(-z^2/2)}, z from -deviations to deviations; the paper's choice. */
  GAUSSIAN(EquipoiseAbi.EQP_BLUR_GAUSSIAN),
  /** 1 everywhere. */
  UNIFORM(EquipoiseAbi.EQP_BLUR_UNIFORM),
  /** {@code 1 - |i| / (half + 1)}, i from -half to half. */
  LINEAR(EquipoiseAbi.EQP_BLUR_LINEAR);

  private final int code;

  BlurShape(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_blur_kernel}. */
  public int code() {
    return code;
  }
}
