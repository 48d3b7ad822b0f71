package org.equipoise.mbpo.tensor;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

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
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256, but this one", e);
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      weights.forEach(
          (name, tensor) -> {
            digest.update(name.getBytes(StandardCharsets.UTF_8));
            Tensor flat = tensor.detach().reshape(-1);
            float[] values =
                HostTensors.toFloats(flat.narrow(0, 0, Math.min(VALUES, flat.numel())));
            ByteBuffer bytes = ByteBuffer.allocate(8 + 4 * values.length).putLong(flat.numel());
            for (float value : values) {
              bytes.putFloat(value);
            }
            digest.update(bytes.array());
          });
    }
    return HexFormat.of().formatHex(digest.digest(), 0, 16);
  }
}
