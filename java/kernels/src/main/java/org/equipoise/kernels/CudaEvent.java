package org.equipoise.kernels;

import org.bytedeco.javacpp.Pointer;

/**
 * A place in a stream's queue, reached when everything queued before it is done. Other streams can
 * wait for it on the device, a program can ask or wait, and two of them measure time.
 *
 * <p>An event that was never recorded counts as reached. Recording it again moves it. Thread-safe,
 * but for being closed while in use; close it when it is no longer needed, also while work still
 * waits for it.
 */
public final class CudaEvent implements AutoCloseable, Retention.Mark {
  private final int device;
  private Pointer event;

  CudaEvent(int device, boolean timing) {
    this.device = device;
    event = CudaRuntime.createEvent(device, timing);
  }

  /**
   * An event of a device's streams, with timing.
   *
   * @param device number of the CUDA device, from 0
   * @throws DeviceException if CUDA cannot be used, saying why and what to do
   */
  public static CudaEvent on(int device) {
    CudaStream.requireDevice(device);
    return new CudaEvent(device, true);
  }

  public Device device() {
    return Device.cuda(device);
  }

  /**
   * Whether everything queued before it is done; returns at once.
   *
   * @throws DeviceException for trouble with the device, of this or of earlier work
   */
  @Override
  public boolean reached() {
    return CudaRuntime.eventIsDone(pointer());
  }

  /**
   * Waits until it is reached. Errors in data stay for {@link CudaStream#synchronize()}.
   *
   * @throws DeviceException for trouble with the device, of this or of earlier work
   */
  public void synchronize() {
    CudaRuntime.synchronizeEvent(pointer());
  }

  /**
   * Milliseconds of device time since {@code earlier}; both must have been reached. NVIDIA states a
   * resolution of about half a microsecond.
   *
   * @throws DeviceException if one was not recorded or not reached yet
   */
  public float millisecondsSince(CudaEvent earlier) {
    return CudaRuntime.milliseconds(earlier.pointer(), pointer());
  }

  /** The cudaEvent_t. */
  public Pointer pointer() {
    if (event == null) {
      throw new IllegalStateException("this CudaEvent is closed");
    }
    return event;
  }

  @Override
  public void close() {
    if (event != null) {
      Pointer closed = event;
      event = null;
      CudaRuntime.destroyEvent(closed);
      closed.deallocate();
    }
  }
}
