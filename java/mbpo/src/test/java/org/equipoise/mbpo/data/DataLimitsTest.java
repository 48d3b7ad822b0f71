package org.equipoise.mbpo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of samples that were made to fill the memory, and those that come near by chance. */
class DataLimitsTest {
  private static final String ROW =
      "{\"image\": \"a.png\", \"question\": \"is it ?\", \"answer\": \"yes\"}";

  @TempDir Path folder;

  private String refusal(Path file) {
    return assertThrows(IllegalArgumentException.class, () -> SampleFile.read(file)).getMessage();
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  /** Two lines, and a third one that takes no space on the disk and would take all memory. */
  @Test
  void aLineOfTwoGigabytes() throws IOException {
    Path file = file("long.jsonl", ROW + "\n" + ROW + "\n{\"question\": \"");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(2_000_000_000);
    }
    assertTrue(
        refusal(file).startsWith(file + ":3: expected a line of at most 16777216 bytes, found"),
        refusal(file));
  }

  @Test
  void aLongLineIsLeftOutWhereBadOnesAre() throws IOException {
    Path file = file("some.jsonl", ROW + "\n" + "x".repeat(200) + "\n" + ROW);
    List<BadRow> bad = new ArrayList<>();
    DataLimits limits = new DataLimits(1 << 20, 100, 1);
    assertEquals(2, SampleFile.rows(file, limits, bad::add).size());
    assertEquals(List.of(2), bad.stream().map(BadRow::line).toList());
  }

  @Test
  void boundsAreExact() throws IOException {
    Path file = file("exact.jsonl", ROW + "\n" + ROW + "\n");
    int bytes = ROW.length();
    BadRow.Handler refuse = BadRow.Handler.refuse();
    assertEquals(2, SampleFile.rows(file, new DataLimits(2 * bytes + 2, bytes, 1), refuse).size());
    assertThrows(
        IllegalArgumentException.class,
        () -> SampleFile.rows(file, new DataLimits(1000, bytes - 1, 1), refuse));
    String large =
        assertThrows(
                IllegalArgumentException.class,
                () -> SampleFile.rows(file, new DataLimits(2 * bytes + 1, bytes, 1), refuse))
            .getMessage();
    assertTrue(large.contains("exact.jsonl: expected at most"), large);
    assertTrue(large.contains("data.limits.fileBytes"), large);
  }

  @Test
  void aFileThatIsTooLargeIsNotOpened() throws IOException {
    Path file = folder.resolve("huge.json");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1L << 42);
    }
    assertTrue(refusal(file).contains("bytes, found 4398046511104"), refusal(file));
  }

  /** Each takes three bytes in the file and twenty times as many in memory. */
  @Test
  void anObjectOfManyValues() throws IOException {
    String object = "{\"a\": [" + "[],".repeat(2_000_000) + "[]]}";
    for (String name : List.of("many.jsonl", "many.json")) {
      Path file = file(name, name.endsWith("l") ? object : "[" + object + "]");
      assertTrue(refusal(file).startsWith(file + ":1: "), refusal(file));
      assertTrue(refusal(file).contains("an object of more than 1000000 values"), refusal(file));
    }
  }

  /** One object of a list; the objects before it were given to the reader one by one. */
  @Test
  void anObjectOfManyBytes() throws IOException {
    String text = "\"" + "x".repeat(60) + "\"";
    String row = ROW.replace("}", ", \"objects\": [" + (text + ",").repeat(2000) + text + "]}");
    Path file = file("list.json", "[" + (ROW + ",\n").repeat(500) + row + "]");
    DataLimits limits = new DataLimits(1 << 20, 50_000, 1);
    String refusal =
        assertThrows(
                IllegalArgumentException.class,
                () -> SampleFile.rows(file, limits, BadRow.Handler.refuse()))
            .getMessage();
    assertTrue(refusal.startsWith(file + ":501: "), refusal);
    assertTrue(refusal.contains("more than 50000 bytes (data.limits.lineBytes)"), refusal);
    assertEquals(501, SampleFile.rows(file, DataLimits.defaults(), row1 -> {}).size());
  }

  @Test
  void depthAndDigits() throws IOException {
    int depth = 100_000;
    Path deep = file("deep.jsonl", "{\"a\": ".repeat(depth) + 1 + "}".repeat(depth));
    assertTrue(refusal(deep).contains("nesting depth (1001) exceeds"), refusal(deep));
    Path deepList = file("deep.json", "[".repeat(depth) + "]".repeat(depth));
    assertTrue(refusal(deepList).contains("nesting depth (1001) exceeds"), refusal(deepList));
    Path digits = file("digits.jsonl", ROW.replace("}", ", \"id\": " + "9".repeat(100_000) + "}"));
    assertTrue(refusal(digits).contains("Number value length (100000) exceeds"), refusal(digits));
    for (Path file : List.of(deep, deepList, digits)) {
      assertTrue(refusal(file).contains(":1: "), refusal(file));
      assertTrue(refusal(file).length() < 500, refusal(file));
      assertTrue(!refusal(file).contains("StreamReadConstraints"), refusal(file));
    }
  }

  /** A list is read piece by piece, and a letter of several bytes may lie between two of them. */
  @Test
  void listsAreCheckedToBeUtf8() throws IOException {
    String row = ROW.replace("is it ?", "größer \uD83D\uDE00 ?");
    StringBuilder list = new StringBuilder("\uFEFF [");
    for (int i = 0; i < 3000; i++) {
      list.append(i == 0 ? "" : ",\n").append(i % 7 == 0 ? " " : "").append(row);
    }
    Path file = file("list.json", list + "]");
    List<Sample> samples = SampleFile.read(file);
    assertEquals(3000, samples.size());
    assertTrue(samples.stream().allMatch(s -> s.question().equals("größer \uD83D\uDE00 ?")));
    byte[] bytes = Files.readAllBytes(file);
    byte[] ending = "x\"}]".getBytes(StandardCharsets.UTF_8);
    for (int wrong : new int[] {0xe4, 0xff, 0x80, 0xc3}) {
      byte[] changed = bytes.clone();
      changed[changed.length - ending.length] = (byte) wrong;
      Files.write(file, changed, StandardOpenOption.TRUNCATE_EXISTING);
      assertTrue(refusal(file).startsWith(file + ":3000: expected UTF-8 text"), refusal(file));
      assertTrue(refusal(file).contains(String.format("0x%02X", wrong)), refusal(file));
    }
  }

  @Test
  void linesOfAnyEnd() throws IOException {
    try (var stream = Files.newInputStream(file("lines", "a\n\nabcde\nbc"))) {
      LineReader lines = new LineReader(stream, 2);
      assertEquals("a", text(lines.next()));
      assertEquals("", text(lines.next()));
      assertEquals(new LineReader.Line(3, null, false), lines.next());
      LineReader.Line last = lines.next();
      assertEquals("bc", text(last));
      assertTrue(last.last());
      assertNull(lines.next());
    }
  }

  private static String text(LineReader.Line line) {
    return new String(line.bytes(), StandardCharsets.UTF_8);
  }

  @Test
  void limitsThemselves() {
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> new DataLimits(1, 1, 800_000_000))
            .getMessage()
            .startsWith("imagePixels must be from 1 to 715827879"));
  }
}
