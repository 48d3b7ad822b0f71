package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/**
 * Where a tensor's memory lives.
 *
 * @param type {@code EQP_CPU} or {@code EQP_CUDA}
 * @param index number of the CUDA device; 0 for the CPU
 */
public record Device(int type, int index) {
  /** Host memory. */
  public static final Device CPU = new Device(EquipoiseAbi.EQP_CPU, 0);

  /** Memory of one CUDA device. */
  public static Device cuda(int index) {
    return new Device(EquipoiseAbi.EQP_CUDA, index);
  }

  @Override
  public String toString() {
    return type == EquipoiseAbi.EQP_CPU ? "cpu" : "cuda:" + index;
  }
}
