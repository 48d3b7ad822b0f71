package org.equipoise.mbpo.data;

import org.equipoise.mbpo.storage.Sha256;

/** File names for ids of any letters and length. */
final class IdFileNames {
  private static final int LONGEST = 100;

  private IdFileNames() {}

  /**
   * The id itself where it has only letters, digits, dot, dash and underscore and is short;
   * otherwise what remains of it and a digest of the whole, so that different ids have different
   * names.
   */
  static String of(String id) {
    if (id.length() <= LONGEST && id.matches("[A-Za-z0-9_-][A-Za-z0-9._-]*")) {
      return id;
    }
    String clean = id.replaceAll("[^A-Za-z0-9_-]+", "_");
    return clean.substring(0, Math.min(LONGEST / 2, clean.length()))
        + "-"
        + new Sha256().add(id).shortHex();
  }
}
