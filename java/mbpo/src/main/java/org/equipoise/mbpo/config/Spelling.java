package org.equipoise.mbpo.config;

import java.util.Comparator;
import java.util.List;

/** The nearest of several words. */
final class Spelling {
  /** No setting is called by more letters. */
  private static final int LONGEST = 100;

  private Spelling() {}

  static String nearest(String word, List<String> known) {
    String compared = word.substring(0, Math.min(LONGEST, word.length()));
    return known.stream()
        .min(Comparator.comparingInt((String candidate) -> distance(compared, candidate)))
        .orElse("");
  }

  /** Letters to insert, delete or replace (Levenshtein), without regard to case. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        boolean same =
            Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
        int replaced = diagonal + (same ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
