package org.equipoise.mbpo.qwen;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Rotary position embedding (arXiv 2104.09864) of both halves of a head's width: with angles θ over
 * half the width, {@code x cos θ + (−x₂, x₁) sin θ}.
 *
 * @param cosine [..., positions, head width]
 * @param sine of the same shape
 */
record Rotary(Tensor cosine, Tensor sine) {

  /**
   * From angles over half the width.
   *
   * @param angles row by row
   * @param shape [..., positions, head width / 2]
   * @param like a tensor of the type and on the device of what will be rotated
   */
  static Rotary of(float[] angles, long[] shape, Tensor like) {
    Tensor half = HostTensors.onDeviceOf(like, HostTensors.floats(angles, shape));
    Tensor whole = torch.cat(new TensorVector(half, half), shape.length - 1);
    return new Rotary(whole.cos(), whole.sin());
  }

  Rotary to(torch.ScalarType type) {
    return new Rotary(cosine.to(type), sine.to(type));
  }

  /** x [..., positions, head width]. */
  Tensor apply(Tensor x) {
    long half = x.size(-1) / 2;
    Tensor turned =
        torch.cat(
            new TensorVector(x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)), x.dim() - 1);
    return x.mul(cosine).add(turned.mul(sine));
  }

  /** {@code base^(-2k / width)} for k below width / 2, in float32 as transformers has them. */
  static float[] frequencies(double base, int width) {
    float[] frequencies = new float[width / 2];
    for (int k = 0; k < frequencies.length; k++) {
      float exponent = (float) (2 * k) / width;
      frequencies[k] = 1f / (float) Math.pow(base, exponent);
    }
    return frequencies;
  }
}
