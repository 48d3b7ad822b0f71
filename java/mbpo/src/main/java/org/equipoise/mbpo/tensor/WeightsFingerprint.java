package org.equipoise.mbpo.tensor;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.storage.Sha256;

/**
 * A short text that tells weights in memory apart: a hash of every tensor's name, type, shape and
 * CRC-32C of all its bytes, some 5 GB a second.
 */
public final class WeightsFingerprint {
  private static final long CHUNK = 1 << 28;

  private WeightsFingerprint() {}

  /** Fingerprint of tensors by name, in the map's order. */
  public static String of(Map<String, Tensor> weights) {
    Sha256 hash = new Sha256();
    try (NoGradGuard noGrad = new NoGradGuard()) {
      weights.forEach((name, tensor) -> hash.add(name, contents(tensor)));
    }
    return hash.shortHex();
  }

  private static String contents(Tensor tensor) {
    try (PointerScope scope = new PointerScope()) {
      Tensor host = tensor.detach().cpu().contiguous();
      long bytes = host.numel() * host.element_size();
      CRC32C crc = new CRC32C();
      for (long at = 0; at < bytes; at += CHUNK) {
        long end = Math.min(bytes, at + CHUNK);
        ByteBuffer chunk = new BytePointer(host.data_ptr()).position(at).limit(end).asByteBuffer();
        crc.update(chunk);
      }
      StringBuilder text = new StringBuilder(host.scalar_type().intern().name());
      for (long d = 0; d < host.dim(); d++) {
        text.append(' ').append(host.size(d));
      }
      return text.append(' ').append(crc.getValue()).toString();
    }
  }
}
