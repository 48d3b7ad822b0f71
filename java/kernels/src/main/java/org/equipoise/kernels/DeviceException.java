package org.equipoise.kernels;

/** Trouble with a device, its driver or a backend library; the message is the native text. */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DeviceException(String message) {
    super(message);
  }
}
