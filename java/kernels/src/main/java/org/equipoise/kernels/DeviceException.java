package org.equipoise.kernels;

/**
 * Trouble with a device, its driver or a backend library. The message says what happened and, where
 * something can be done, what to do.
 */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DeviceException(String message) {
    super(message);
  }

  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
