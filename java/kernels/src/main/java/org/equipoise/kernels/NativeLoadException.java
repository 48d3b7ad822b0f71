package org.equipoise.kernels;

/** The native library could not be loaded or does not fit this jar; the message says what to do. */
public final class NativeLoadException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public NativeLoadException(String message, Throwable cause) {
    super(message, cause);
  }
}
