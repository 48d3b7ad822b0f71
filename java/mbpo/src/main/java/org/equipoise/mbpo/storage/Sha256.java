package org.equipoise.mbpo.storage;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A growing SHA-256 of texts and bytes, for fingerprints. Not thread-safe. */
public final class Sha256 {
  private static final int SHORT_BYTES = 16;

  private final MessageDigest digest;

  public Sha256() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256, but this one", e);
    }
  }

  /** With their lengths before them, so that no two sequences of texts give the same bytes. */
  public Sha256 add(String... texts) {
    for (String text : texts) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
      digest.update(bytes);
    }
    return this;
  }

  /** The bytes alone. */
  public Sha256 add(byte[] bytes) {
    digest.update(bytes);
    return this;
  }

  /** The first bytes of an array alone. */
  public Sha256 add(byte[] bytes, int count) {
    digest.update(bytes, 0, count);
    return this;
  }

  /** All 64 hexadecimal digits; starts anew. */
  public String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }

  /** The first 32 hexadecimal digits; starts anew. */
  public String shortHex() {
    return HexFormat.of().formatHex(digest.digest(), 0, SHORT_BYTES);
  }
}
