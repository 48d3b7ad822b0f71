package org.equipoise.torch;

import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.global.torch;

/** What is loaded and how many threads it uses, over libequipoise, LibTorch and OpenBLAS. */
public final class Equipoise {
  private Equipoise() {}

  /**
   * One fact a line: versions, instruction set, threads of each library, the LibTorch file in use,
   * CUDA status of libequipoise and of LibTorch with the reason when it is absent.
   *
   * @throws org.equipoise.kernels.NativeLoadException if a library cannot be loaded
   */
  public static String info() {
    TorchLibrary.require();
    return org.equipoise.kernels.Equipoise.info()
        + "\nlibtorch: "
        + TorchLibrary.path()
        + "\nlibtorch threads: "
        + torch.get_num_threads()
        + "\nopenblas threads: "
        + openBlasThreads()
        + "\nlibtorch cuda: "
        + torchCuda();
  }

  /**
   * Sets the threads of libequipoise, LibTorch and OpenBLAS together: {@code torch.set_num_threads}
   * alone does not restrain OpenBLAS. libequipoise's results do not depend on it; LibTorch's may.
   *
   * @throws IllegalArgumentException unless 1 &lt;= threads &lt;= 1024
   */
  public static void threads(int threads) {
    TorchLibrary.require();
    org.equipoise.kernels.Equipoise.threads(threads); // first: it refuses what none of them can do
    torch.set_num_threads(threads);
    openblas_nolapack.blas_set_num_threads(threads);
  }

  /** Threads of libequipoise. */
  public static int threads() {
    return org.equipoise.kernels.Equipoise.threads();
  }

  private static String openBlasThreads() {
    int threads = openblas_nolapack.blas_get_num_threads();
    return threads < 0 ? "its own default" : Integer.toString(threads);
  }

  private static String torchCuda() {
    try {
      // LibTorch only knows of its CUDA part once that is loaded.
      Class.forName("org.bytedeco.pytorch.global.torch_cuda");
      return torch.cuda_is_available()
          ? torch.cuda_device_count() + " devices"
          : "no device or no driver";
    } catch (LinkageError | TypeNotPresentException | ClassNotFoundException absent) {
      return "not loaded: the LibTorch on the class path is its CPU build ("
          + absent.getClass().getSimpleName()
          + ")";
    }
  }
}
