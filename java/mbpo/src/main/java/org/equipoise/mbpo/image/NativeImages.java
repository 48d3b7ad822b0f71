package org.equipoise.mbpo.image;

import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imdecode;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.Mat;

/** PNG, JPEG and WebP through OpenCV, after their headers were read; no other kind reaches it. */
final class NativeImages {
  private NativeImages() {}

  static RgbImage decode(byte[] encoded) throws BadImage {
    OpenCv.require();
    try (PointerScope scope = new PointerScope();
        BytePointer bytes = new BytePointer(encoded);
        Mat buffer = new Mat(1, encoded.length, opencv_core.CV_8UC1, bytes);
        Mat decoded = imdecode(buffer, IMREAD_COLOR)) {
      if (decoded == null || decoded.isNull() || decoded.empty()) {
        throw new BadImage(encoded.length + " bytes that its decoder does not accept");
      }
      return fromBgr(decoded);
    } catch (RuntimeException e) {
      throw new BadImage("what its decoder does not accept: " + e.getMessage(), e);
    }
  }

  private static RgbImage fromBgr(Mat mat) {
    int width = mat.cols();
    int height = mat.rows();
    byte[] row = new byte[3 * width];
    byte[] planes = new byte[RgbImage.bytes(width, height)];
    int plane = planes.length / 3;
    for (int y = 0; y < height; y++) {
      try (BytePointer source = mat.ptr(y)) {
        source.get(row);
      }
      for (int x = 0; x < width; x++) {
        int at = y * width + x;
        planes[at] = row[3 * x + 2];
        planes[plane + at] = row[3 * x + 1];
        planes[2 * plane + at] = row[3 * x];
      }
    }
    return new RgbImage(width, height, planes);
  }
}
