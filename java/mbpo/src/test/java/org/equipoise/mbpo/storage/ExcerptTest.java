package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ExcerptTest {
  @Test
  void whatATerminalObeysIsShown() {
    assertEquals("a\\u001b[31mb", Excerpt.readable("a\u001b[31mb"));
    assertEquals("\\u0000\\u0008\\u000d\\u009b", Excerpt.readable("\u0000\b\r\u009b"));
    assertEquals("\\u202e\\u2066\\ufeff\\u2028", Excerpt.readable("\u202e\u2066\ufeff\u2028"));
    assertEquals("\\ud83d!", Excerpt.readable("\ud83d!"));
  }

  /** They hide a message, or let a name look like another one. */
  @Test
  void whatNobodySeesIsShown() {
    assertEquals("pay\\u200dpal", Excerpt.readable("pay\u200dpal"));
    assertEquals("a\\u2800\\u3164\\u034fb", Excerpt.readable("a\u2800\u3164\u034fb"));
    assertEquals("\\u{e0041}", Excerpt.readable(Character.toString(0xe0041)));
    // A text in selectors of variants behind one emoji.
    assertEquals(
        "👩\ufe0f\\u{e0105}\\u{e0106}",
        Excerpt.readable("👩\ufe0f" + Character.toString(0xe0105) + Character.toString(0xe0106)));
    // Accents that paint over the lines above.
    assertEquals(
        "e" + "\u0301".repeat(8) + "\\u0301".repeat(12),
        Excerpt.readable("e" + "\u0301".repeat(20)));
  }

  @Test
  void textOfEveryLanguageStays() {
    String text =
        "می\u200cروم ❤\ufe0f👩\u200d❤\ufe0f\u200d👩 葛\udb40\udd00 na\u00efve\tशक्\u200dति"
            + " 👩\u200d🚀 שלום\n";
    assertEquals(text, Excerpt.readable(text));
  }

  @Test
  void excerptsAreOneLineAndSayHowLongTheTextIs() {
    assertEquals("a\\nb\\tc", Excerpt.of("a\nb\tc"));
    assertEquals("x".repeat(200), Excerpt.of("x".repeat(200)));
    assertEquals("x".repeat(200) + "... (201 characters)", Excerpt.of("x".repeat(201)));
    // A character of two halves is not cut in two.
    assertEquals("x".repeat(199) + "... (201 characters)", Excerpt.of("x".repeat(199) + "👩"));
    assertEquals("\"a\\u0007\"", Excerpt.quoted("a\u0007"));
    // Escapes count.
    assertEquals("\\u001b".repeat(33) + "... (200 characters)", Excerpt.of("\u001b".repeat(200)));
    assertEquals("\\u001b".repeat(50), Excerpt.of("\u001b".repeat(50)));
  }
}
