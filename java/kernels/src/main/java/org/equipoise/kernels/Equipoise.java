package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** The loaded native library: versions, instruction set, threads. Thread-safe. */
public final class Equipoise {
  private Equipoise() {}

  /**
   * One fact a line: version, ABI, CPU variant in use and available, threads, the CUDA backend's
   * status and that of {@link CudaStream}, each with its reason.
   *
   * @throws NativeLoadException if the library cannot be loaded
   * @throws IllegalArgumentException if {@code EQP_CPU_VARIANT} names a variant that does not exist
   *     or that this processor cannot run
   */
  public static String info() {
    initialize();
    return "equipoise: "
        + EquipoiseAbi.eqp_library_version()
        + " (jar "
        + NativeLibrary.jarVersion()
        + ", ABI "
        + EquipoiseAbi.eqp_abi_version()
        + ")\ncpu variant: "
        + EquipoiseAbi.eqp_cpu_variant()
        + " (of "
        + EquipoiseAbi.eqp_cpu_variants()
        + ")\nthreads: "
        + EquipoiseAbi.eqp_num_threads()
        + "\ncuda: "
        + EquipoiseAbi.eqp_cuda_status()
        + "\ncuda streams: "
        + CudaPresets.status();
  }

  /**
   * Loads the library and checks the process; ops do this by themselves.
   *
   * @throws NativeLoadException if the library cannot be loaded or is of another version than this
   *     jar
   * @throws IllegalArgumentException if {@code EQP_CPU_VARIANT} cannot be honoured
   */
  public static void initialize() {
    NativeLibrary.require();
    Status.check(EquipoiseAbi.eqp_initialize());
  }

  /** Threads that CPU ops use, the caller included. */
  public static int threads() {
    NativeLibrary.require();
    return EquipoiseAbi.eqp_num_threads();
  }

  /**
   * Sets the threads that CPU ops use; results do not depend on it. Usually a program's first call,
   * so it checks the process as {@link #initialize()} does.
   *
   * @throws IllegalArgumentException unless 1 &lt;= threads &lt;= 1024, or as {@link #initialize()}
   */
  public static void threads(int threads) {
    initialize();
    Status.check(EquipoiseAbi.eqp_set_num_threads(threads));
  }
}
