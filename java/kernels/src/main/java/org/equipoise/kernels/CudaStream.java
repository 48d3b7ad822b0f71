package org.equipoise.kernels;

import java.lang.ref.Cleaner;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;

/**
 * A queue of work on one CUDA device, with the scratch memory that ops need there.
 *
 * <p>Ops called with {@link #launch()}, copies and events are done one after another, beside what
 * other streams do; the calls return when the work is queued. The stream keeps the tensors of its
 * calls and their memory alive until their work is done, also when a {@code PointerScope} ends or a
 * tensor is closed before; it lets go in {@link #synchronize()}, in {@link #isDone()} when that is
 * true, and little by little in later calls. Memory that is freed explicitly ({@code
 * Pointer.deallocate}) or changed by the host in between is the caller's business.
 *
 * <p>One thread at a time; different threads use streams of their own. Needs JavaCPP's CUDA presets
 * ({@code org.bytedeco:cuda}), which the CPU ops do not. The stream does not wait for the default
 * stream. Capture into CUDA graphs is not supported: use {@link Launch#of} for that.
 */
public final class CudaStream implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  private final Resources resources;
  private final Launch launch;
  private final Cleaner.Cleanable cleanable;
  private boolean closed;

  private CudaStream(int device) {
    requireDevice(device);
    long workspaceBytes = Launch.sufficientWorkspaceBytes();
    resources = new Resources(device, workspaceBytes);
    // From here on an unreachable stream waits for its work, too, and then frees everything.
    cleanable = CLEANER.register(this, resources);
    launch =
        Launch.retaining(resources.workspace, workspaceBytes, resources.stream, this::retainAll);
  }

  /**
   * A new stream.
   *
   * @param device number of the CUDA device, from 0
   * @throws DeviceException if CUDA cannot be used, saying why and what to do
   */
  public static CudaStream on(int device) {
    return new CudaStream(device);
  }

  static void requireDevice(int device) {
    CudaPresets.require();
    int count = CudaRuntime.deviceCount();
    if (device < 0 || device >= count) {
      throw new DeviceException(
          "expected a CUDA device from 0 to "
              + (count - 1)
              + ", found "
              + device
              + "; CUDA_VISIBLE_DEVICES may hide devices");
    }
  }

  public Device device() {
    return Device.cuda(resources.device);
  }

  /** What ops take as their last argument to run here; lives as long as the stream. */
  public Launch launch() {
    requireOpen();
    return launch;
  }

  /** The cudaStream_t, for other CUDA bindings; lives as long as the stream. */
  public Pointer pointer() {
    requireOpen();
    return resources.stream;
  }

  /**
   * Device memory, uninitialised. Freed like any JavaCPP pointer: closed, at the end of its scope,
   * or by the garbage collector, which does not see how full the device is. Freeing waits for the
   * device.
   *
   * @throws DeviceException if there is not enough
   */
  public Pointer allocate(long bytes) {
    requireBytes(bytes);
    requireOpen();
    resources.retention.releaseReached();
    return CudaRuntime.allocate(resources.device, bytes);
  }

  /**
   * Page-locked host memory, uninitialised, freed like {@link #allocate}. Copies from and to other
   * host memory may hold up the calling thread; from and to this they do not.
   *
   * @throws DeviceException if there is not enough
   */
  public Pointer allocateHost(long bytes) {
    requireBytes(bytes);
    requireOpen();
    return CudaRuntime.allocateHost(resources.device, bytes);
  }

  /**
   * A contiguous device tensor, uninitialised, that owns its memory: closing it frees that as soon
   * as queued work no longer needs it.
   *
   * @throws DeviceException if there is not enough device memory
   */
  public TensorView empty(DataType type, long... shape) {
    if (Arrays.stream(shape).anyMatch(size -> size < 0)) {
      throw new IllegalArgumentException(
          "expected sizes >= 0, found shape " + Arrays.toString(shape));
    }
    return TensorView.owning(allocate(TensorView.bytes(type, shape)), type, device(), shape);
  }

  /** An {@link #empty} tensor like {@code from}, and the copy into it queued. */
  public TensorView copyOf(TensorView from) {
    TensorView to = empty(from.type(), from.shape());
    copy(from, to);
    return to;
  }

  /**
   * Queues a copy between tensors of one type and shape, each contiguous and in host memory or on a
   * CUDA device. The host must not read {@code to}, or write {@code from}, before the copy is done.
   *
   * @throws IllegalArgumentException if type or shape differ or one has gaps
   * @throws DeviceException if CUDA refuses
   */
  public void copy(TensorView from, TensorView to) {
    if (from.type() != to.type() || !Arrays.equals(from.shape(), to.shape())) {
      throw new IllegalArgumentException(
          "expected tensors of one type and shape, found " + from + " and " + to);
    }
    if (!from.isContiguous() || !to.isContiguous()) {
      throw new IllegalArgumentException(
          "expected contiguous tensors, found "
              + from
              + " and "
              + to
              + " with gaps in one; copy pointers row by row");
    }
    requireOpen();
    resources.retention.beforeCall(from, to);
    queueCopy(from.abi().data(), to.abi().data(), from.bytes());
  }

  /**
   * Queues a copy of bytes between host memory and CUDA devices, whichever the addresses belong to.
   *
   * @throws DeviceException if CUDA refuses
   */
  public void copy(Pointer from, Pointer to, long bytes) {
    requireBytes(bytes);
    requireOpen();
    resources.retention.beforeCall(from, to);
    queueCopy(from, to, bytes);
  }

  private void queueCopy(Pointer from, Pointer to, long bytes) {
    if (bytes > 0) {
      CudaRuntime.copy(from, to, bytes, resources.stream);
    }
  }

  /** A new event behind everything queued so far. */
  public CudaEvent record() {
    requireOpen();
    CudaEvent event = new CudaEvent(resources.device, true);
    record(event);
    return event;
  }

  /**
   * Moves an event behind everything queued so far.
   *
   * @throws DeviceException if it belongs to another device
   */
  public void record(CudaEvent event) {
    requireOpen();
    CudaRuntime.recordEvent(event.pointer(), resources.stream);
  }

  /**
   * What is queued from now on starts after {@code event}, as it is recorded now, of any stream and
   * device; the host does not wait.
   */
  public void waitFor(CudaEvent event) {
    requireOpen();
    CudaRuntime.waitForEvent(resources.stream, event.pointer());
  }

  /**
   * Whether everything queued is done; returns at once. Errors in data stay for {@link
   * #synchronize()}.
   *
   * @throws DeviceException for trouble with the device, of this or of earlier work
   */
  public boolean isDone() {
    requireOpen();
    boolean done = CudaRuntime.streamIsDone(resources.stream);
    if (done) {
      resources.retention.releaseAll();
    }
    return done;
  }

  /**
   * Waits until everything queued is done.
   *
   * @throws IllegalArgumentException with the native text for errors in data that kernels found
   *     since the last call: a target out of range, bad offsets; the stream stays usable
   * @throws DeviceException for trouble with the device, of this or of earlier work
   */
  public void synchronize() {
    requireOpen();
    CudaRuntime.synchronizeStream(resources.stream);
    resources.retention.releaseAll();
    launch.check();
  }

  /**
   * Waits as {@link #synchronize()} does, and throws what that throws, but frees the stream in any
   * case. Closing it again does nothing.
   */
  @Override
  public void close() {
    if (!closed) {
      try {
        synchronize();
      } finally {
        closed = true;
        launch.free();
        cleanable.clean();
      }
    }
  }

  private void retainAll(TensorView... tensors) {
    requireOpen();
    for (TensorView tensor : tensors) {
      if (tensor != null
          && tensor.device().type() == device().type()
          && !tensor.device().equals(device())) {
        throw new IllegalArgumentException(
            "expected tensors on the device of the stream, " + device() + ", found " + tensor);
      }
    }
    resources.retention.beforeCall((Object[]) tensors);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this CudaStream is closed");
    }
  }

  private static void requireBytes(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("expected bytes >= 0, found " + bytes);
    }
  }

  /** What must outlive the queued work; knows nothing of the stream that owns it. */
  private static final class Resources implements Runnable {
    final int device;
    final Pointer stream;
    final Pointer workspace;
    final Retention retention;

    Resources(int device, long workspaceBytes) {
      this.device = device;
      stream = CudaRuntime.createStream(device);
      try {
        workspace = NativeLibrary.keep(CudaRuntime.allocate(device, workspaceBytes));
        CudaRuntime.zero(workspace, workspaceBytes, stream);
      } catch (DeviceException e) {
        CudaRuntime.destroyStream(stream);
        throw e;
      }
      retention = new Retention(this::mark);
    }

    private CudaEvent mark() {
      CudaEvent event = new CudaEvent(device, false);
      CudaRuntime.recordEvent(event.pointer(), stream);
      return event;
    }

    @Override
    public void run() {
      try {
        CudaRuntime.synchronizeStream(stream);
      } catch (DeviceException e) {
        // Such an error ends all work of the process on the device: nothing reads memory any more.
      }
      retention.releaseAll();
      CudaRuntime.destroyStream(stream);
      workspace.deallocate();
    }
  }
}
