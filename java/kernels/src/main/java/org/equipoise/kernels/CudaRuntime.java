package org.equipoise.kernels;

import java.util.function.IntSupplier;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;

/**
 * The calls into the CUDA runtime: the one class that mentions the presets. Touch it after {@link
 * CudaPresets#require()} only. Its signatures know {@link Pointer} alone, so that its callers load
 * without the presets.
 */
final class CudaRuntime {
  private CudaRuntime() {}

  static int driverVersion() {
    int[] version = new int[1];
    cudart.cudaDriverGetVersion(version);
    return version[0];
  }

  static int runtimeVersion() {
    int[] version = new int[1];
    cudart.cudaRuntimeGetVersion(version);
    return version[0];
  }

  static int deviceCountError() {
    int error = cudart.cudaGetDeviceCount(new int[1]);
    cudart.cudaGetLastError();
    return error;
  }

  static int deviceCount() {
    int[] count = new int[1];
    check("cudaGetDeviceCount", cudart.cudaGetDeviceCount(count));
    return count[0];
  }

  static Pointer createStream(int device) {
    CUstream_st stream = new CUstream_st();
    on(
        device,
        "cudaStreamCreateWithFlags",
        () -> cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
    return stream;
  }

  static void synchronizeStream(Pointer stream) {
    check("cudaStreamSynchronize", cudart.cudaStreamSynchronize((CUstream_st) stream));
  }

  static boolean streamIsDone(Pointer stream) {
    return isReady("cudaStreamQuery", cudart.cudaStreamQuery((CUstream_st) stream));
  }

  /** Any error would be one of earlier work; who destroys a stream has asked for those before. */
  static void destroyStream(Pointer stream) {
    ignore(cudart.cudaStreamDestroy((CUstream_st) stream));
  }

  static Pointer createEvent(int device, boolean timing) {
    CUevent_st event = new CUevent_st();
    int flags = timing ? cudart.cudaEventDefault : cudart.cudaEventDisableTiming;
    on(device, "cudaEventCreateWithFlags", () -> cudart.cudaEventCreateWithFlags(event, flags));
    return event;
  }

  static void recordEvent(Pointer event, Pointer stream) {
    check("cudaEventRecord", cudart.cudaEventRecord((CUevent_st) event, (CUstream_st) stream));
  }

  static void waitForEvent(Pointer stream, Pointer event) {
    check(
        "cudaStreamWaitEvent",
        cudart.cudaStreamWaitEvent((CUstream_st) stream, (CUevent_st) event, 0));
  }

  static boolean eventIsDone(Pointer event) {
    return isReady("cudaEventQuery", cudart.cudaEventQuery((CUevent_st) event));
  }

  static void synchronizeEvent(Pointer event) {
    check("cudaEventSynchronize", cudart.cudaEventSynchronize((CUevent_st) event));
  }

  static float milliseconds(Pointer from, Pointer to) {
    float[] milliseconds = new float[1];
    check(
        "cudaEventElapsedTime",
        cudart.cudaEventElapsedTime(milliseconds, (CUevent_st) from, (CUevent_st) to));
    return milliseconds[0];
  }

  /** As for streams. */
  static void destroyEvent(Pointer event) {
    ignore(cudart.cudaEventDestroy((CUevent_st) event));
  }

  /** Device memory, freed as JavaCPP frees any other pointer's. */
  static Pointer allocate(int device, long bytes) {
    Pointer memory = new Pointer();
    on(device, "cudaMalloc of " + bytes + " bytes", () -> cudart.cudaMalloc(memory, bytes));
    return memory.isNull() ? memory : new Memory(memory, bytes, false);
  }

  /** Page-locked host memory, which copies can reach without a detour. */
  static Pointer allocateHost(int device, long bytes) {
    Pointer memory = new Pointer();
    on(device, "cudaMallocHost of " + bytes + " bytes", () -> cudart.cudaMallocHost(memory, bytes));
    return memory.isNull() ? memory : new Memory(memory, bytes, true);
  }

  static void zero(Pointer memory, long bytes, Pointer stream) {
    check("cudaMemsetAsync", cudart.cudaMemsetAsync(memory, 0, bytes, (CUstream_st) stream));
  }

  /** The direction follows from the addresses. */
  static void copy(Pointer from, Pointer to, long bytes, Pointer stream) {
    check(
        "cudaMemcpyAsync of " + bytes + " bytes",
        cudart.cudaMemcpyAsync(to, from, bytes, cudart.cudaMemcpyDefault, (CUstream_st) stream));
  }

  static String text(String call, int error) {
    return call
        + ": CUDA error "
        + error
        + " ("
        + cudart.cudaGetErrorName(error).getString()
        + ": "
        + cudart.cudaGetErrorString(error).getString()
        + ")";
  }

  private static boolean isReady(String call, int error) {
    if (error == cudart.cudaErrorNotReady) {
      cudart.cudaGetLastError();
      return false;
    }
    check(call, error);
    return true;
  }

  private static void check(String call, int error) {
    if (error != cudart.cudaSuccess) {
      cudart.cudaGetLastError(); // reported here, so nobody else should find it
      String remedy =
          error == cudart.cudaErrorMemoryAllocation
              ? "; close tensors that are no longer needed: the garbage collector does not see how"
                  + " full the device is"
              : "";
      throw new DeviceException(text(call, error) + remedy);
    }
  }

  /**
   * Makes a call with {@code device} current. Where the thread has chosen another one, a thread of
   * its own makes it: to choose a device is to occupy memory on it, so there is no way back to one
   * that nobody has used yet.
   */
  private static void on(int device, String call, IntSupplier body) {
    int[] current = new int[1];
    check("cudaGetDevice", cudart.cudaGetDevice(current));
    if (current[0] == device) {
      check(call, body.getAsInt());
      return;
    }
    int[] errors = new int[2];
    Thread thread =
        new Thread(
            () -> {
              errors[0] = cudart.cudaSetDevice(device);
              errors[1] = errors[0] == cudart.cudaSuccess ? body.getAsInt() : cudart.cudaSuccess;
            },
            "equipoise-cuda-" + device);
    thread.setDaemon(true);
    thread.start();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true; // the call is short, and its result belongs to somebody
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    check("cudaSetDevice(" + device + ")", errors[0]);
    check(call, errors[1]);
  }

  /** Leaves no error behind where there is nobody to tell about it. */
  private static void ignore(int error) {
    if (error != cudart.cudaSuccess) {
      cudart.cudaGetLastError();
    }
  }

  private static final class Memory extends Pointer {
    /** The capacity is set last: JavaCPP counts that of a new pointer as host memory. */
    Memory(Pointer allocated, long bytes, boolean host) {
      super(allocated);
      deallocator(new Free(allocated, host));
      capacity(bytes);
    }

    private static final class Free extends Pointer implements Deallocator {
      private final boolean host;

      Free(Pointer memory, boolean host) {
        super(memory);
        this.host = host;
      }

      @Override
      public void deallocate() {
        if (!isNull()) {
          // There is nobody to tell about an error: this may be the garbage collector's thread.
          ignore(host ? cudart.cudaFreeHost(this) : cudart.cudaFree(this));
          setNull();
        }
      }
    }
  }
}
