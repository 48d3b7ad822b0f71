package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** Element types of the C ABI. */
public enum DataType {
  F32(EquipoiseAbi.EQP_F32, 4),
  F64(EquipoiseAbi.EQP_F64, 8),
  BF16(EquipoiseAbi.EQP_BF16, 2),
  F16(EquipoiseAbi.EQP_F16, 2),
  I32(EquipoiseAbi.EQP_I32, 4),
  I64(EquipoiseAbi.EQP_I64, 8),
  U8(EquipoiseAbi.EQP_U8, 1),
  /** One byte, 0 or 1. */
  BOOL(EquipoiseAbi.EQP_BOOL, 1);

  private final int code;
  private final int bytes;

  DataType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /** The value of {@code eqp_dtype}. */
  public int code() {
    return code;
  }

  /** Bytes per element. */
  public int bytes() {
    return bytes;
  }
}
