package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** From status codes of the C ABI to exceptions that carry the native text. */
public final class Status {
  private Status() {}

  /**
   * Returns if {@code status} is {@code EQP_OK}; otherwise throws with the text of this thread's
   * last failed call.
   *
   * @throws IllegalArgumentException for {@code EQP_INVALID_ARGUMENT} and {@code EQP_INVALID_DATA}
   * @throws UnsupportedOperationException for {@code EQP_UNSUPPORTED}
   * @throws DeviceException for {@code EQP_DEVICE_ERROR}
   * @throws OutOfMemoryError for {@code EQP_OUT_OF_MEMORY}
   * @throws IllegalStateException for {@code EQP_INTERNAL_ERROR}: a defect of Equipoise
   */
  public static void check(int status) {
    if (status != EquipoiseAbi.EQP_OK) {
      raise(status, EquipoiseAbi.eqp_last_error());
    }
  }

  /** Throws the exception that belongs to a status other than {@code EQP_OK}; never returns. */
  public static void raise(int status, String text) {
    switch (status) {
      case EquipoiseAbi.EQP_INVALID_ARGUMENT, EquipoiseAbi.EQP_INVALID_DATA ->
          throw new IllegalArgumentException(text);
      case EquipoiseAbi.EQP_UNSUPPORTED -> throw new UnsupportedOperationException(text);
      case EquipoiseAbi.EQP_DEVICE_ERROR -> throw new DeviceException(text);
      case EquipoiseAbi.EQP_OUT_OF_MEMORY -> throw new OutOfMemoryError(text);
      default -> throw new IllegalStateException("status " + status + ": " + text);
    }
  }
}
