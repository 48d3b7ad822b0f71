package org.equipoise.torch;

import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.AddressSpace;
import org.equipoise.kernels.NativeCache;
import org.equipoise.kernels.NativeLibrary;
import org.equipoise.kernels.NativeLoadException;
import org.equipoise.kernels.Status;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.torch.adapter.TorchAdapter;

/** Loads LibTorch, libequipoise and the adapter once, and binds the adapter to that LibTorch. */
final class TorchLibrary {
  /** LibTorch's and OpenBLAS's files, and what they allocate while they are loaded. */
  private static final long LIBRARY_BYTES = 768L << 20;

  /** A thread's stack, its arena of the C library and its buffer of OpenBLAS. */
  private static final long THREAD_BYTES = 128L << 20;

  /** A one for LibTorch's ops; must live as long as the process. */
  private static final Scalar ONE;

  /** The libtorch_cpu that the adapter is bound to. */
  private static String path = "";

  /** What went wrong while loading; null when all is well. A constant to the compiler. */
  private static final NativeLoadException FAILURE;

  static {
    Scalar one = null;
    NativeLoadException failure = null;
    try {
      NativeLibrary.require();
      NativeCache.unpack(torch.class, TorchAdapter.class);
      AddressSpace.require(
          "LibTorch", LIBRARY_BYTES + THREAD_BYTES * Runtime.getRuntime().availableProcessors());
      IdleThreads.sleep();
      Loader.load(torch.class);
      Loader.load(TorchAdapter.class);
      NativeLibrary.checkVersions(
          NativeLibrary.jarVersion(TorchLibrary.class, "version.properties", "equipoise-torch"),
          EquipoiseAbi.EQP_ABI_VERSION,
          TorchAdapter.eqp_torch_library_version(),
          EquipoiseAbi.eqp_abi_version(),
          "libequipoise_torch",
          "equipoise-torch");
      one = keep(new Scalar(1.0f));
      path = libtorchCpu();
      check(TorchAdapter.eqp_torch_load(path, one));
    } catch (NativeLoadException e) {
      failure = e;
    } catch (Throwable e) {
      failure = NativeLibrary.describe("LibTorch and libequipoise_torch", e);
    }
    ONE = one;
    FAILURE = failure;
  }

  private TorchLibrary() {}

  /**
   * Returns when everything is loaded.
   *
   * @throws NativeLoadException naming what is missing or does not fit
   */
  static void require() {
    if (FAILURE != null) {
      throw new NativeLoadException(FAILURE.getMessage(), FAILURE.getCause());
    }
  }

  /** Throws what belongs to a status of the adapter, with its text, unless it is {@code EQP_OK}. */
  static void check(int status) {
    if (status != EquipoiseAbi.EQP_OK) {
      Status.raise(status, TorchAdapter.eqp_torch_last_error());
    }
  }

  /**
   * {@link #check}, for an op that wrote into memory of the caller: a graph that saved what was
   * there must refuse to go back, as after an in-place op of LibTorch's own.
   *
   * @param outputs null for those that were not asked for
   */
  static void checkWritten(int status, Tensor... outputs) {
    check(status);
    for (Tensor output : outputs) {
      // A freed one was NULL to the adapter: not asked for.
      if (NativeLibrary.alive("a given output", output) != null && !output.is_inference()) {
        output.unsafeGetTensorImpl().bump_version();
      }
    }
  }

  /**
   * Takes native memory out of the caller's pointer scopes: it lives as long as its Java object.
   */
  static <P extends Pointer> P keep(P pointer) {
    pointer.retainReference();
    return pointer;
  }

  static String path() {
    return path;
  }

  /**
   * The exact file that JavaCPP resolved: another LibTorch of the same name may be loaded beside
   * it.
   */
  private static String libtorchCpu() {
    Map<String, String> loaded = Loader.getLoadedLibraries();
    for (Map.Entry<String, String> library : loaded.entrySet()) {
      if (library.getKey().startsWith("torch_cpu") && library.getValue() != null) {
        return library.getValue();
      }
    }
    throw new NativeLoadException(
        "JavaCPP loaded LibTorch but not a file of its own for libtorch_cpu (loaded: "
            + loaded.keySet()
            + "); is the pytorch jar for "
            + Loader.getPlatform()
            + " on the class path?",
        null);
  }
}
