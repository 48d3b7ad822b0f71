package org.equipoise.mbpo.tensor;

import java.nio.ByteBuffer;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.storage.Sha256;

/**
 * A short text that tells weights apart: a hash of every tensor's name, size and first values.
 * Training changes practically all values, so a few of each tensor are enough, however large the
 * model.
 */
public final class WeightsFingerprint {
  private static final long VALUES = 16;

  private WeightsFingerprint() {}

  /** Fingerprint of tensors by name, in the map's order. */
  public static String of(Map<String, Tensor> weights) {
    Sha256 hash = new Sha256();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      weights.forEach(
          (name, tensor) -> {
            hash.add(name);
            Tensor flat = tensor.detach().reshape(-1);
            float[] values =
                HostTensors.toFloats(flat.narrow(0, 0, Math.min(VALUES, flat.numel())));
            ByteBuffer bytes = ByteBuffer.allocate(8 + 4 * values.length).putLong(flat.numel());
            for (float value : values) {
              bytes.putFloat(value);
            }
            hash.add(bytes.array());
          });
    }
    return hash.shortHex();
  }
}
