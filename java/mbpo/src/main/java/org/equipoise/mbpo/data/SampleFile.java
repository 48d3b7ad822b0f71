package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;

/**
 * Samples as JSON Lines, one object a line:
 *
 * <pre>{"id": "q1", "image": "photos/1.jpg", "question": "is there a dog ?", "answer": "yes",
 *  "kind": "yes-no", "options": [], "twin": "q2", "objects": []}</pre>
 *
 * {@code image} is relative to the file; a question about several images has a list of them as
 * {@code images} instead, in the order in which they come before it. All but image, question and
 * answer may be left out: an id is then made of the file's name and the line, and the kind follows
 * from options and answer. Also read are conversations as LLaVA's data has them, of which the first
 * question and answer are taken:
 *
 * <pre>{"id": "1", "image": "1.jpg", "conversations": [
 *  {"from": "human", "value": "&lt;image&gt;\nis there a dog ?"}, {"from": "gpt", "value": "yes"}]}
 * </pre>
 */
public final class SampleFile {
  private static final String IMAGE_MARK = "<image>";

  private SampleFile() {}

  /** Reads all samples; images are decoded when asked for. Errors name file and line. */
  public static List<Sample> read(Path file) {
    return read(file, sample -> {});
  }

  /**
   * The same with a check of each sample: what it refuses is refused with file and line.
   *
   * @param check throws {@link IllegalArgumentException}
   */
  public static List<Sample> read(Path file, Consumer<Sample> check) {
    Path folder = file.toAbsolutePath().getParent();
    String stem = file.getFileName().toString().replaceAll("\\.[^.]*$", "");
    String prefix = stem.replaceAll("[^A-Za-z0-9._-]", "_") + "-";
    Map<String, Integer> recordById = new HashMap<>();
    return JsonLines.read(
        file,
        fields -> {
          String madeUp = prefix + (recordById.size() + 1);
          Sample sample = sample(folder, fields, madeUp);
          Integer earlier = recordById.put(sample.id(), recordById.size() + 1);
          if (earlier != null) {
            throw new IllegalArgumentException(
                "id \"" + sample.id() + "\" was already used by record " + earlier);
          }
          check.accept(sample);
          return sample;
        });
  }

  private static Sample sample(Path folder, JsonFields fields, String madeUpId) {
    boolean conversation = fields.has("conversations");
    String question;
    String answer;
    if (conversation) {
      List<JsonFields> turns = fields.objects("conversations");
      if (turns.size() < 2
          || !turns.get(0).text("from").equals("human")
          || !turns.get(1).text("from").equals("gpt")) {
        throw new IllegalArgumentException(
            "field \"conversations\": expected a question from \"human\" and an answer from"
                + " \"gpt\" first");
      }
      question = turns.get(0).text("value").replace(IMAGE_MARK, "").strip();
      answer = turns.get(1).text("value").strip();
    } else {
      question = fields.text("question");
      answer = fields.text("answer");
    }
    List<String> options = fields.texts("options");
    String id = fields.textOrNull("id");
    String kind = fields.textOrNull("kind");
    return new Sample(
        id == null ? madeUpId : conversation ? id.replaceAll("[^A-Za-z0-9._-]", "_") : id,
        images(fields).stream().map(image -> ImageSource.of(folder.resolve(image))).toList(),
        question,
        answer,
        kind == null ? kind(answer, options) : kind,
        options,
        fields.textOrNull("twin"),
        fields.texts("objects"));
  }

  private static List<String> images(JsonFields fields) {
    if (!fields.has("images")) {
      return List.of(fields.text("image"));
    }
    List<String> images = fields.texts("images");
    if (images.isEmpty()) {
      throw new IllegalArgumentException("field \"images\": expected at least one, found none");
    }
    return images;
  }

  private static String kind(String answer, List<String> options) {
    if (!options.isEmpty()) {
      return "multiple-choice";
    }
    return answer.strip().matches("(?i)(yes|no)[.!]?") ? "yes-no" : "open";
  }

  /** Writes samples whose images are files, with paths relative to the file's folder. */
  public static void write(Path file, List<Sample> samples) {
    Path folder = file.toAbsolutePath().getParent();
    List<JsonNode> lines = new ArrayList<>();
    for (Sample sample : samples) {
      List<String> images =
          sample.images().stream()
              .map(
                  image ->
                      image
                          .path()
                          .orElseThrow(
                              () ->
                                  new IllegalArgumentException(
                                      "sample "
                                          + sample.id()
                                          + " has no image file; write its image first")))
              .map(path -> folder.relativize(path.toAbsolutePath()).toString().replace('\\', '/'))
              .toList();
      ObjectNode line = Json.MAPPER.createObjectNode();
      line.put("id", sample.id());
      if (images.size() == 1) {
        line.put("image", images.get(0));
      } else {
        addTexts(line.putArray("images"), images);
      }
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
