package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8Test {
  @TempDir Path folder;

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("text.txt"), content);
  }

  private String refusal(byte[] content) throws IOException {
    Path file = file(content);
    return assertThrows(IllegalArgumentException.class, () -> AtomicFiles.readText(file))
        .getMessage();
  }

  @Test
  void aByteOrderMarkIsNoPartOfTheText() throws IOException {
    assertEquals("größer", AtomicFiles.readText(file("\uFEFFgrößer".getBytes())));
    assertEquals("", AtomicFiles.readText(file(new byte[0])));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ISO-8859-1", "windows-1252", "GBK", "Shift_JIS"})
  void otherEncodingsAreRefusedWithTheirLine(String encoding) throws IOException {
    String text = encoding.startsWith("G") || encoding.startsWith("S") ? "中国" : "größer";
    String message = refusal(("first\nsecond " + text + "\n").getBytes(Charset.forName(encoding)));
    assertTrue(message.startsWith(folder.resolve("text.txt") + ":2: expected UTF-8"), message);
    assertTrue(message.contains("behind \"second ") && message.contains("iconv"), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
  void wideEncodingsAreCalledByName(String encoding) throws IOException {
    byte[] bytes = "{\"id\": 7}\n".getBytes(Charset.forName(encoding));
    String message = refusal(bytes);
    assertTrue(message.contains("expected UTF-8 text, found " + encoding + ";"), message);
  }

  @Test
  void wideEncodingsWithTheirMarks() throws IOException {
    String text = "\uFEFF{\"id\": 7}\n";
    for (String encoding : new String[] {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"}) {
      String message = refusal(text.getBytes(Charset.forName(encoding)));
      assertTrue(message.contains("found " + encoding.substring(0, 6)), message);
    }
  }

  @Test
  void aCharacterThatIsCutOffIsRefused() throws IOException {
    byte[] whole = "a\n日".getBytes(StandardCharsets.UTF_8);
    assertTrue(refusal(java.util.Arrays.copyOf(whole, whole.length - 1)).contains(":2: "));
  }
}
