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

  @Test
  void textOfEveryLanguageStays() {
    String text = "na\u00efve\tशक्\u200dति 👩\u200d🚀 שלום\n";
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
  }
}
