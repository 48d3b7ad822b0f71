package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LineLogTest {
  @TempDir Path folder;

  @Test
  void truncatedAnywhereItLosesTheLastLineOnly() throws Exception {
    byte[] whole = "first\nzweite ü\nthird\n".getBytes(StandardCharsets.UTF_8);
    for (int kept = 0; kept <= whole.length; kept++) {
      Path file = folder.resolve("log-" + kept);
      Files.write(file, Arrays.copyOf(whole, kept));
      List<String> complete = LineLog.read(file);
      LineLog log = LineLog.open(file);
      assertEquals(complete, LineLog.read(file), "opening must keep the complete lines");
      long feeds =
          new String(whole, 0, kept, StandardCharsets.UTF_8).chars().filter(c -> c == '\n').count();
      assertEquals(feeds, complete.size());
      log.append("next");
      String text = Files.readString(file);
      assertEquals(String.join("\n", complete) + (complete.isEmpty() ? "" : "\n") + "next\n", text);
      int lastFeed = new String(whole, 0, kept, StandardCharsets.ISO_8859_1).lastIndexOf('\n');
      assertEquals(kept - lastFeed - 1, log.droppedBytes());
    }
  }

  @Test
  void lineBreaksAreRefused() {
    LineLog log = LineLog.open(folder.resolve("log"));
    assertThrows(IllegalArgumentException.class, () -> log.append("a\nb"));
    assertThrows(IllegalArgumentException.class, () -> log.append("a\rb"));
    assertEquals(List.of(), LineLog.read(folder.resolve("log")));
  }

  @Test
  void aFileThatShrankIsNamed() throws Exception {
    Path file = folder.resolve("log");
    LineLog log = LineLog.open(file);
    log.append("one");
    Files.write(file, new byte[0]);
    StorageException refused = assertThrows(StorageException.class, () -> log.append("two"));
    assertEquals(
        "cannot append to "
            + file
            + ": it has 0 bytes where 4 were recorded as written; the file"
            + " was changed by something else: delete its folder and run again",
        refused.getMessage());
  }
}
