package org.equipoise.torch;

import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.torch.adapter.TorchAdapter;

/** What is loaded and how many threads it uses, over libequipoise, LibTorch and OpenBLAS. */
public final class Equipoise {
  private Equipoise() {}

  /**
   * Loads LibTorch and libequipoise, as every op does by itself. A program that makes tensors
   * before its first op calls this before its first tensor: several processes may then start at
   * once with an empty cache of unpacked libraries, and LibTorch's idle threads sleep instead of
   * spinning, unless the environment says otherwise with {@code OMP_WAIT_POLICY} or {@code
   * GOMP_SPINCOUNT}.
   *
   * @throws org.equipoise.kernels.NativeLoadException if a library cannot be loaded
   */
  public static void initialize() {
    TorchLibrary.require();
  }

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
        + "\nthreads are: "
        + (TorchAdapter.eqp_torch_shares_threads() == 1
            ? "those of LibTorch's OpenMP"
            : "libequipoise's own")
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

  /**
   * Waits for the CUDA streams on which ops of this library have run and reports errors in data
   * that their kernels found since the last report, in any thread: a device cannot look at values
   * before it writes, so it fills what depends on them with NaN and remembers. Ops on the CPU
   * report such errors themselves; without CUDA tensors this does nothing. Call it once a step, or
   * where a loss is read.
   *
   * @throws IllegalArgumentException naming the argument, what was expected and what was found
   * @throws org.equipoise.kernels.DeviceException if a kernel failed
   */
  public static void checkData() {
    TorchLibrary.require();
    TorchLibrary.check(TorchAdapter.eqp_torch_check());
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
      // Which of them it is depends on whether this is the first try of the process.
      return "not loaded: the LibTorch on the class path is its CPU build";
    }
  }
}
