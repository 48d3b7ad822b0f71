package org.equipoise.mbpo.image;

import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.equipoise.kernels.NativeCache;

/** OpenCV's native libraries. */
public final class OpenCv {
  private static boolean unpacked;

  private OpenCv() {}

  /**
   * Returns when they are unpacked, which must be so before one of OpenCV's classes is used:
   * several processes may start at once.
   *
   * @throws org.equipoise.kernels.NativeLoadException saying why it cannot be done
   */
  public static synchronized void require() {
    if (!unpacked) {
      NativeCache.unpack(opencv_core.class, opencv_imgcodecs.class);
      unpacked = true;
    }
  }
}
