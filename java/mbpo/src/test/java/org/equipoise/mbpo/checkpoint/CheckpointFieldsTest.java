package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.equipoise.mbpo.qwen.QwenConfigFields;
import org.equipoise.mbpo.storage.FieldUses;
import org.junit.jupiter.api.Test;

/**
 * CHECKPOINT_FIELDS.md says what the code's lists say, and they know every field that is written.
 */
class CheckpointFieldsTest {
  private static final Path DOCUMENT = Path.of("CHECKPOINT_FIELDS.md");

  private static Map<String, FieldUses> lists() {
    return new TreeMap<>(
        Map.of(
            "root", QwenConfigFields.ROOT,
            "text", QwenConfigFields.TEXT,
            "vision", QwenConfigFields.VISION,
            "generation", GenerationFields.ALL,
            "adapter", AdapterFields.LORA));
  }

  /** fields.json is what checkpoint_fields.py asked transformers and PEFT for. */
  @Test
  void everyFieldThatTransformersAndPeftWriteIsInAList() throws IOException {
    JsonNode written =
        new ObjectMapper().readTree(Files.readAllBytes(TinyCheckpoint.resource("fields.json")));
    lists()
        .forEach(
            (name, uses) -> {
              assertTrue(written.path(name).size() > 10, name);
              for (JsonNode field : written.path(name)) {
                assertTrue(
                    uses.uses().containsKey(field.asText()), name + " knows " + field.asText());
              }
            });
  }

  @Test
  void theDocumentSaysWhatTheListsSay() throws IOException {
    Map<String, Map<String, String>> documented = new TreeMap<>();
    String section = "";
    for (String line : Files.readAllLines(DOCUMENT)) {
      if (line.startsWith("## ")) {
        section = line.replaceAll(".*<a id=\"(.*)\"></a>.*", "$1");
        documented.put(section, new TreeMap<>());
      } else if (line.startsWith("| `")) {
        String[] cells = line.split("\\|");
        for (String field : cells[1].replace("`", "").split(",")) {
          String twice = documented.get(section).put(field.strip(), cells[2].strip());
          assertEquals(null, twice, field + " stands once in " + section);
        }
      }
    }
    Map<String, Map<String, String>> coded = new TreeMap<>();
    lists()
        .forEach(
            (name, uses) -> {
              Map<String, String> own = new TreeMap<>();
              uses.uses().forEach((field, use) -> own.put(field, words(use)));
              coded.put(name, own);
            });
    assertEquals(coded.keySet(), documented.keySet());
    coded.forEach((name, own) -> assertEquals(own, documented.get(name), name));
  }

  private static String words(FieldUses.Use use) {
    return use.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
