package org.equipoise.mbpo.train;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;

/**
 * Short texts that differ when data differ. Image contents are not looked at, only their sources.
 */
final class Fingerprint {
  private Fingerprint() {}

  static String ofSamples(List<Sample> samples) {
    MessageDigest digest = sha256();
    for (Sample sample : samples) {
      add(digest, sample.id(), sample.question(), sample.answer(), sample.kind());
    }
    return samples.size() + ":" + HexFormat.of().formatHex(digest.digest(), 0, 16);
  }

  static String ofPairs(List<PreferenceRecord> pairs) {
    MessageDigest digest = sha256();
    for (PreferenceRecord pair : pairs) {
      add(digest, pair.id(), pair.question(), pair.chosen(), pair.rejected());
    }
    return pairs.size() + ":" + HexFormat.of().formatHex(digest.digest(), 0, 16);
  }

  private static void add(MessageDigest digest, String... texts) {
    for (String text : texts) {
      digest.update(text.getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
