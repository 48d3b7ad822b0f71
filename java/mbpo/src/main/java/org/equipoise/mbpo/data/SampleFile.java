package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;

/**
 * Samples as JSON Lines, one object a line:
 *
 * <pre>{"id": "q1", "image": "photos/1.jpg", "question": "is there a dog ?", "answer": "yes",
 *  "kind": "yes-no", "options": [], "twin": "q2", "objects": []}</pre>
 *
 * {@code image} is relative to the file; {@code options}, {@code twin} and {@code objects} may be
 * left out.
 */
public final class SampleFile {
  private SampleFile() {}

  /** Reads all samples; images are decoded when asked for. Errors name file and line. */
  public static List<Sample> read(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    Map<String, Integer> lineById = new HashMap<>();
    return JsonLines.read(
        file,
        fields -> {
          Sample sample =
              new Sample(
                  fields.text("id"),
                  ImageSource.of(folder.resolve(fields.text("image"))),
                  fields.text("question"),
                  fields.text("answer"),
                  fields.text("kind"),
                  fields.texts("options"),
                  fields.textOrNull("twin"),
                  fields.texts("objects"));
          Integer earlier = lineById.put(sample.id(), lineById.size() + 1);
          if (earlier != null) {
            throw new IllegalArgumentException(
                "id \"" + sample.id() + "\" was already used by record " + earlier);
          }
          return sample;
        });
  }

  /** Writes samples whose images are files, with paths relative to the file's folder. */
  public static void write(Path file, List<Sample> samples) {
    Path folder = file.toAbsolutePath().getParent();
    List<JsonNode> lines = new ArrayList<>();
    for (Sample sample : samples) {
      Path image =
          sample
              .image()
              .path()
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "sample " + sample.id() + " has no image file; write its image first"));
      ObjectNode line = Json.MAPPER.createObjectNode();
      line.put("id", sample.id());
      line.put("image", folder.relativize(image.toAbsolutePath()).toString().replace('\\', '/'));
      line.put("question", sample.question());
      line.put("answer", sample.answer());
      line.put("kind", sample.kind());
      addTexts(line.putArray("options"), sample.options());
      line.put("twin", sample.twin());
      addTexts(line.putArray("objects"), sample.objects());
      lines.add(line);
    }
    AtomicFiles.write(file, JsonLines.bytes(lines));
  }

  private static void addTexts(ArrayNode array, List<String> texts) {
    texts.forEach(array::add);
  }
}
