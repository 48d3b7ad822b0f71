package org.equipoise.kernels;

import org.bytedeco.javacpp.Loader;

/**
 * Whether streams can be used: the CUDA presets of JavaCPP, their native library, the driver, a
 * device. Mentions no class of the presets, so that it can say that they are missing.
 */
final class CudaPresets {
  private static final String ARTIFACT = "org.bytedeco:cuda:" + NativeLibrary.CUDA_PRESETS_VERSION;
  private static final String PRESETS = "org.bytedeco.cuda.global.cudart";
  private static final String DRIVER_REMEDY =
      "; install NVIDIA driver 580 or newer, see it with nvidia-smi, and start the program again";

  /** Oldest CUDA version that a driver may serve, as the runtime counts: 1000 major + 10 minor. */
  private static final int OLDEST_DRIVER = 13000;

  static final int NO_DEVICE = 100;

  private CudaPresets() {}

  /** What stands in the way, or null; found out once, at the first question. */
  private static final class Probe {
    static final DeviceException FAILURE = probe();
  }

  /**
   * Returns when streams can be used.
   *
   * @throws DeviceException saying what is missing and what to do
   */
  static void require() {
    if (Probe.FAILURE != null) {
      // A new one each time: the stack must be that of the caller.
      throw new DeviceException(Probe.FAILURE.getMessage(), Probe.FAILURE.getCause());
    }
  }

  /** One line of text: what is loaded, or why streams cannot be used. */
  static String status() {
    return Probe.FAILURE == null
        ? "CUDA presets, runtime " + version(CudaRuntime.runtimeVersion())
        : Probe.FAILURE.getMessage();
  }

  private static DeviceException probe() {
    try {
      ClassLoader loader = CudaPresets.class.getClassLoader();
      NativeCache.unpack(Class.forName(PRESETS, false, loader));
      // The class loads its native library when it is initialised.
      Class.forName(PRESETS, true, loader);
      String trouble =
          describe(
              CudaRuntime.driverVersion(),
              CudaRuntime.runtimeVersion(),
              CudaRuntime.deviceCountError());
      return trouble == null ? null : new DeviceException(trouble);
    } catch (NativeLoadException e) {
      return new DeviceException(e.getMessage(), e);
    } catch (ClassNotFoundException e) {
      return new DeviceException(missingJar(), e);
    } catch (LinkageError e) {
      Throwable root = e;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return new DeviceException(missingLibrary(Loader.getPlatform(), root.getMessage()), e);
    }
  }

  static String missingJar() {
    return "CUDA streams need JavaCPP's CUDA presets, which are not on the class path; add the"
        + " dependency "
        + ARTIFACT
        + " and the same with the classifier "
        + Loader.getPlatform();
  }

  /**
   * @param found what the loader said
   */
  static String missingLibrary(String platform, String found) {
    String presets = "the native library of JavaCPP's CUDA presets cannot be loaded: " + found;
    if (found != null && found.contains("libcuda.so")) {
      return "no NVIDIA driver is installed (" + found + ")" + DRIVER_REMEDY;
    }
    if (found != null && found.contains("libcudart.so")) {
      return presets
          + "; install the CUDA 13 runtime where the loader finds it, or add the dependency "
          + ARTIFACT
          + " with the classifier "
          + platform
          + "-redist";
    }
    return presets + "; add the dependency " + ARTIFACT + " with the classifier " + platform;
  }

  /**
   * What stands between a loaded runtime and a device; null when nothing does.
   *
   * @param driver version of CUDA that the driver serves, 1000 major + 10 minor; 0: no driver
   * @param runtime the runtime's version
   * @param error what counting the devices returned
   */
  static String describe(int driver, int runtime, int error) {
    if (driver == 0) {
      return "no NVIDIA driver is installed (CUDA error " + error + ")" + DRIVER_REMEDY;
    }
    if (driver < OLDEST_DRIVER) {
      return "the NVIDIA driver serves CUDA "
          + version(driver)
          + ", the CUDA presets need "
          + version(OLDEST_DRIVER)
          + " (runtime "
          + version(runtime)
          + ", CUDA error "
          + error
          + ")"
          + DRIVER_REMEDY;
    }
    if (error == NO_DEVICE) {
      return "no CUDA device is visible (CUDA error 100); check that nvidia-smi lists one and that"
          + " CUDA_VISIBLE_DEVICES does not hide it";
    }
    return error == 0 ? null : CudaRuntime.text("cudaGetDeviceCount", error);
  }

  private static String version(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }
}
