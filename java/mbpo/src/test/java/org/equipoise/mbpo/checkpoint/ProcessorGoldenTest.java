package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.StreamSupport;
import java.util.zip.CRC32;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every setting of the processor's and the tokenizer's files, against what transformers 5.17 makes
 * of the same files (processor_golden.py).
 */
class ProcessorGoldenTest {
  /** Values of up to 510 in float32, computed in two orders. */
  private static final float TOLERANCE = 4e-6f;

  @TempDir Path folder;
  private int copies;

  private static JsonNode json(String name) throws IOException {
    return new ObjectMapper().readTree(Files.readAllBytes(TinyCheckpoint.resource(name)));
  }

  private Path copyWith(JsonNode files) throws IOException {
    Path copy = TinyCheckpoint.copyInto(folder.resolve("checkpoint-" + copies++));
    for (Map.Entry<String, JsonNode> file : files.properties()) {
      Path target = copy.resolve(file.getKey());
      if (file.getValue().isNull()) {
        Files.delete(target);
        continue;
      }
      Files.createDirectories(target.getParent());
      Files.writeString(
          target,
          file.getValue().isTextual() ? file.getValue().asText() : file.getValue().toString());
    }
    return copy;
  }

  private static int[] ids(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
  }

  private static long crc(byte[] bytes) {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return crc.getValue();
  }

  @Test
  void images() throws IOException {
    JsonNode cases = json("processor.json");
    assertEquals(29, cases.size());
    for (JsonNode expected : cases) {
      String name = expected.get("name").asText();
      QwenImageProcessor processor =
          QwenCheckpoint.open(copyWith(expected.get("files"))).processor(Long.MAX_VALUE);
      RgbImage image =
          processor.resize(
              ImageFiles.read(TinyCheckpoint.resource(expected.get("image").asText())));
      assertEquals(expected.get("height").asInt(), image.height(), name);
      assertEquals(expected.get("width").asInt(), image.width(), name);
      assertEquals(expected.get("crc").asLong(), crc(image.planes()), name + ": bits");
      int plane = image.height() * image.width();
      int[] probes = ids(expected.get("probes"));
      for (int i = 0; i < probes.length; i++) {
        int channel = probes[i] / plane;
        float code = (image.planes()[probes[i]] & 0xff) / 255f;
        float value = (code - processor.mean()[channel]) / processor.standardDeviation()[channel];
        float wanted = (float) expected.get("values").get(i).asDouble();
        assertEquals(wanted, value, TOLERANCE * Math.max(1, Math.abs(wanted)), name);
      }
    }
  }

  @Test
  void conversations() throws IOException {
    JsonNode cases = json("templates.json");
    assertEquals(19, cases.size());
    for (JsonNode expected : cases) {
      String name = expected.get("name").asText();
      QwenTokenizer tokenizer = QwenCheckpoint.open(copyWith(expected.get("files"))).tokenizer();
      for (JsonNode prompt : expected.get("prompts")) {
        String question = prompt.get("question").asText();
        int images = prompt.get("images").asInt();
        int[] found = tokenizer.encodePrompt(images, question);
        assertArrayEquals(ids(prompt.get("ids")), found, name + ": " + question);
      }
      for (JsonNode answer : expected.get("answers")) {
        String text = answer.get("text").asText();
        int[] found = tokenizer.encodeAnswer(text);
        assertArrayEquals(ids(answer.get("ids")), found, name + ": " + text);
        assertEquals(text, tokenizer.decodeAnswer(found), name);
      }
    }
  }
}
