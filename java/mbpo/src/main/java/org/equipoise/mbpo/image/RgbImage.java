package org.equipoise.mbpo.image;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.storage.Sha256;

/**
 * An 8-bit RGB image, channel planes one after another (CHW). The array is not copied: treat it as
 * immutable.
 */
public record RgbImage(int width, int height, byte[] planes) {

  public RgbImage {
    if (width < 1 || height < 1) {
      throw new IllegalArgumentException(
          "image size must be positive, found " + width + "x" + height);
    }
    if (planes.length != 3L * width * height) {
      throw new IllegalArgumentException(
          "a "
              + width
              + "x"
              + height
              + " RGB image has "
              + 3L * width * height
              + " bytes, found "
              + planes.length);
    }
  }

  /** Size of the planes; images of more bytes than an array can have are refused. */
  static int bytes(int width, int height) {
    long bytes = 3L * width * height;
    if (bytes > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "expected an image of at most 715827879 pixels, found " + width + "x" + height);
    }
    return (int) bytes;
  }

  /** Text that differs when size or pixels do. */
  String fingerprint() {
    return new Sha256().add(width + "x" + height).add(planes).hex();
  }

  /** Float32 tensor [3, height, width] with values code/255. */
  public Tensor toTensor() {
    float[] values = new float[planes.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (planes[i] & 0xff) / 255f;
    }
    try (FloatPointer source = new FloatPointer(values)) {
      return torch.from_blob(source, 3, height, width).clone();
    }
  }
}
