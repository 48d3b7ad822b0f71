package org.equipoise.mbpo.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreferenceStoreTest {
  @TempDir Path folder;

  private final List<String> notices = new ArrayList<>();

  private static PreferenceRecord pair(int i) {
    // The last has two images.
    List<ImageSource> clean = new ArrayList<>(List.of(pixel(i)));
    List<ImageSource> perturbed = new ArrayList<>(List.of(pixel(i + 1)));
    if (i == 2) {
      clean.add(pixel(7));
      perturbed.add(pixel(8));
    }
    return new PreferenceRecord(
        "s" + i,
        clean,
        perturbed,
        "is \"it\" größer ?",
        "yes",
        "no",
        "yn",
        i % 2 == 0 ? null : "twin" + i,
        "adversarial",
        i == 0 ? Double.NaN : 0.5 + i,
        new PreferenceRecord.Scores(-0.25, -3.5, "yes", "no", true),
        Map.of("epsilon", "0.0627", "steps", "8"));
  }

  private static ImageSource pixel(int red) {
    return ImageSource.of(new RgbImage(1, 1, new byte[] {(byte) red, 1, 2}));
  }

  private static void assertSameImages(List<ImageSource> expected, List<ImageSource> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).load().planes(), actual.get(i).load().planes());
    }
  }

  private static DroppedSample dropped(int i) {
    return new DroppedSample("d" + i, "yn", "MATCHES_CHOSEN", -0.5, "yes");
  }

  private void write(Path to, int batches) {
    PreferenceWriter writer = PreferenceWriter.open(to, "mining", notices::add);
    for (int b = writer.unitsDone() / 2; b < batches; b++) {
      writer.append(2, List.of(pair(b)), List.of(dropped(b)));
    }
  }

  private static Map<String, byte[]> files(Path root) {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(root)) {
      walk.filter(Files::isRegularFile)
          .forEach(file -> files.put(root.relativize(file).toString(), AtomicFiles.read(file)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  private void assertSameFiles(Path expected, Path actual) {
    Map<String, byte[]> wanted = files(expected);
    Map<String, byte[]> found = files(actual);
    assertEquals(wanted.keySet(), found.keySet());
    wanted.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
  }

  @Test
  void recordsComeBackAsTheyWere() {
    write(folder, 3);
    List<PreferenceRecord> read = PreferenceStore.read(folder);
    assertEquals(3, read.size());
    for (int i = 0; i < 3; i++) {
      PreferenceRecord expected = pair(i);
      PreferenceRecord actual = read.get(i);
      assertEquals(expected.scores(), actual.scores());
      assertEquals(expected.perturbation(), actual.perturbation());
      assertEquals(expected.question(), actual.question());
      assertEquals(expected.twin(), actual.twin());
      assertEquals(expected.informationGain(), actual.informationGain());
      assertSameImages(expected.perturbed(), actual.perturbed());
      assertSameImages(expected.images(), actual.images());
    }
    assertEquals(List.of(dropped(0), dropped(1), dropped(2)), PreferenceStore.readDropped(folder));
  }

  /** What TRL reads: images and conversations with text contents. */
  @Test
  void everyLineIsValidByItself() throws IOException {
    write(folder, 2);
    for (String line : Files.readAllLines(folder.resolve("preferences.jsonl"))) {
      var node = Json.MAPPER.readTree(line);
      assertEquals("user", node.at("/prompt/0/role").asText());
      assertTrue(node.at("/chosen/0/content").isTextual());
      assertEquals("assistant", node.at("/rejected/0/role").asText());
      assertTrue(Files.exists(folder.resolve(node.at("/images/0").asText())));
      assertTrue(Files.exists(folder.resolve(node.at("/images_perturbed/0").asText())));
    }
  }

  @Test
  void whatWasNotCommittedIsCutOff() throws IOException {
    write(folder.resolve("whole"), 4);
    Path killed = folder.resolve("killed");
    write(killed, 2);
    Files.writeString(
        killed.resolve("preferences.jsonl"), "{\"id\": \"s2\", \"ima", StandardOpenOption.APPEND);
    Files.writeString(killed.resolve("dropped.jsonl"), "{}\n", StandardOpenOption.APPEND);
    Files.writeString(killed.resolve("images/s2.png"), "half");
    Files.writeString(killed.resolve("images/.equipoise-0123456789abcdef.tmp"), "half");
    write(killed, 4);
    assertSameFiles(folder.resolve("whole"), killed);
  }

  /** Whatever byte of whatever file is damaged, what was mined before it stays. */
  @Test
  void damageCostsTheBatchesFromThereOnAndIsSaid() throws IOException {
    Path whole = folder.resolve("whole");
    write(whole, 4);
    Map<String, byte[]> files = files(whole);
    files.forEach(
        (name, bytes) -> {
          for (int at : new int[] {0, bytes.length / 2, bytes.length - 1}) {
            Path damaged = folder.resolve("damaged-" + name.hashCode() + "-" + at);
            copy(files, damaged);
            byte[] changed = bytes.clone();
            changed[at] ^= 4;
            put(damaged.resolve(name), changed);
            notices.clear();
            write(damaged, 4);
            assertSameFiles(whole, damaged);
            // A last line without its end is what a killed process leaves behind.
            boolean cutOff = name.equals("mining.jsonl") && at == bytes.length - 1;
            assertEquals(cutOff ? 0 : 1, notices.size(), name + " at " + at);
            notices.forEach(said -> assertTrue(said.startsWith(damaged + ": "), said));
          }
        });
  }

  @Test
  void ofALostImageTheBatchesBeforeItStay() throws IOException {
    write(folder.resolve("whole"), 3);
    Path lost = folder.resolve("lost");
    write(lost, 3);
    // As a power failure leaves files that were not flushed.
    Files.write(lost.resolve("images-perturbed/s2+2.png"), new byte[0]);
    var first = Files.getLastModifiedTime(lost.resolve("images/s1.png"));
    assertEquals(4, PreferenceWriter.open(lost, "mining", notices::add).unitsDone());
    assertEquals(
        List.of(
            lost
                + ": pairs or images are not what was mined; mining goes on after the 4 units that"
                + " are whole"),
        notices);
    write(lost, 3);
    assertEquals(first, Files.getLastModifiedTime(lost.resolve("images/s1.png")));
    assertSameFiles(folder.resolve("whole"), lost);
  }

  private static void copy(Map<String, byte[]> files, Path to) {
    files.forEach((name, bytes) -> put(to.resolve(name), bytes));
  }

  private static void put(Path file, byte[] bytes) {
    AtomicFiles.writeUnsynced(file, bytes);
  }

  @Test
  void pairsThatWereMinedElsewhereAreNotCutOff() throws IOException {
    write(folder, 1);
    Files.delete(folder.resolve("mining.jsonl"));
    String refused =
        assertThrows(
                IllegalArgumentException.class,
                () -> PreferenceWriter.open(folder, "mining", notices::add))
            .getMessage();
    assertTrue(refused.contains("holds pairs but no mining.jsonl"), refused);
    assertEquals(1, PreferenceStore.read(folder).size());
  }

  @Test
  void anotherMiningIsRefused() {
    write(folder, 1);
    assertTrue(
        assertThrows(
                IllegalArgumentException.class,
                () -> PreferenceWriter.open(folder, "other", notices::add))
            .getMessage()
            .contains("another mining"));
  }

  @Test
  void errorsNameFileLineAndField() throws IOException {
    write(folder, 3);
    Path file = folder.resolve("preferences.jsonl");
    List<String> lines = Files.readAllLines(file);

    Files.writeString(file, lines.get(0) + "\n" + lines.get(1).substring(0, 30));
    expect(file, ":2: the last line is cut off");

    Files.writeString(file, lines.get(0) + "\n{\"id\": oops}\n");
    expect(file, ":2: expected a JSON object, found: Unrecognized token 'oops'");

    Files.writeString(file, "\n" + lines.get(0).replace("\"source\":\"adversarial\",", "") + "\n");
    expect(file, ":2: field \"source\": expected text, found nothing");

    Files.writeString(
        file, lines.get(0).replace("\"log_prob_clean\":-0.25", "\"log_prob_clean\":\"x\"") + "\n");
    expect(file, ":1: field \"scores.log_prob_clean\": expected a number, found \"x\"");
  }

  private void expect(Path file, String text) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> PreferenceStore.read(folder))
            .getMessage();
    assertTrue(message.startsWith(file + text), message);
  }

  @Test
  void samplesRoundTripWithPathsRelativeToTheFile() throws IOException {
    Path file = folder.resolve("samples.jsonl");
    Files.write(folder.resolve("a.bin"), "x".getBytes(StandardCharsets.UTF_8));
    Sample sample =
        Sample.of("q-1", ImageSource.of(folder.resolve("images/a.png")), "what ?", "dog", "mc")
            .withOptions(List.of("dog", "cat"))
            .withTwin("q-2")
            .withObjects(List.of("dog"));
    SampleFile.write(file, List.of(sample));
    Sample read = SampleFile.read(file).get(0);
    assertEquals(
        folder.toAbsolutePath().resolve("images/a.png"), read.image().path().orElseThrow());
    assertEquals(sample, read.withImages(sample.images()));
    Sample several =
        sample.withImages(List.of(sample.image(), ImageSource.of(folder.resolve("images/b.png"))));
    SampleFile.write(file, List.of(several));
    assertEquals(several.images().toString(), SampleFile.read(file).get(0).images().toString());
    SampleFile.write(file, List.of(sample));
    String line = Files.readString(file);
    Files.writeString(file, line + line);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> SampleFile.read(file))
            .getMessage()
            .contains("samples.jsonl:2: id \"q-1\" was already used"));
    Files.writeString(file, line.replace("\"answer\":\"dog\"", "\"answer\":7"));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> SampleFile.read(file))
            .getMessage()
            .contains("samples.jsonl:1: field \"answer\": expected text, found 7"));
  }
}
