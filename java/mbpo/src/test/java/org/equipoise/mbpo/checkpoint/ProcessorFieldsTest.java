package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The tables of PROCESSOR_FIELDS.md, the code's lists and what transformers writes are one. */
class ProcessorFieldsTest {
  private static final Pattern ROW =
      Pattern.compile("\\| `(\\w+)` \\| (used|checked|without effect) \\|.*");

  private static Set<String> documented(String heading, boolean withoutEffect) throws IOException {
    Set<String> fields = new TreeSet<>();
    boolean inside = false;
    for (String line : Files.readAllLines(Path.of("PROCESSOR_FIELDS.md"))) {
      if (line.startsWith("## ")) {
        inside = line.startsWith("## `" + heading);
      }
      Matcher row = ROW.matcher(line);
      if (inside && row.matches() && row.group(2).equals("without effect") == withoutEffect) {
        assertTrue(fields.add(row.group(1)), line + " stands there twice");
      }
      assertTrue(row.matches() || !line.startsWith("| `"), line + " has no verdict");
    }
    return fields;
  }

  private static void assertSame(
      String heading, Set<String> used, Set<String> withoutEffect, JsonNode written)
      throws IOException {
    assertEquals(new TreeSet<>(used), documented(heading, false), heading);
    assertEquals(new TreeSet<>(withoutEffect), documented(heading, true), heading);
    assertTrue(written.size() >= 4, heading);
    for (JsonNode field : written) {
      String name = field.asText();
      assertTrue(used.contains(name) != withoutEffect.contains(name), heading + ": " + name);
    }
  }

  @Test
  void everyFieldIsAccountedFor() throws IOException {
    JsonNode written =
        new ObjectMapper()
            .readTree(Files.readAllBytes(TinyCheckpoint.resource("processor_fields.json")));
    assertSame(
        "processor_config.json",
        ImageProcessorConfig.PROCESSOR_USED,
        ImageProcessorConfig.PROCESSOR_WITHOUT_EFFECT,
        written.get("processor_config.json"));
    assertSame(
        "preprocessor_config.json",
        ImageProcessorConfig.USED,
        ImageProcessorConfig.WITHOUT_EFFECT,
        written.get("image_processor"));
    assertSame(
        "tokenizer_config.json",
        TokenizerConfig.USED,
        TokenizerConfig.WITHOUT_EFFECT,
        written.get("tokenizer_config.json"));
  }
}
