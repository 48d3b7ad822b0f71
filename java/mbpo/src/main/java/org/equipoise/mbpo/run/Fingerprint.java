package org.equipoise.mbpo.run;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/** SHA-256 over a stage's id, settings and the fingerprints of its inputs. */
final class Fingerprint {
  private Fingerprint() {}

  static String of(Stage stage, Map<String, String> fingerprints) {
    MessageDigest digest = sha256();
    add(digest, stage.id());
    new TreeMap<>(stage.settings())
        .forEach(
            (name, value) -> {
              add(digest, name);
              add(digest, value);
            });
    for (String input : stage.inputs()) {
      add(digest, input);
      add(digest, fingerprints.get(input));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** With its length before it, so that no two sequences of texts give the same bytes. */
  private static void add(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
    digest.update(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256, but this one", e);
    }
  }
}
