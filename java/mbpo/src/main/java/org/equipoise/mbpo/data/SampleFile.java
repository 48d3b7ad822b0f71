package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;

/**
 * Samples as JSON Lines, one object a line, or as one list of objects:
 *
 * <pre>{"id": "q1", "image": "photos/1.jpg", "question": "is there a dog ?", "answer": "yes",
 *  "kind": "yes-no", "options": [], "twin": "q2", "objects": []}</pre>
 *
 * {@code image} is relative to the file; a question about several images has a list of them as
 * {@code images} (or {@code image}), in the order in which they come before it or stand in it,
 * where the text {@code <image>} is the place of one; a question of text alone has neither. All but
 * question and answer may be left out: an id is then made of the file's name and the place, and the
 * kind follows from options and answer.
 *
 * <p>Conversations as LLaVA, LLaMA-Factory, TRL, ms-swift and others have them are read as well:
 * {@code conversations} of {@code from} and {@code value}, {@code messages} of {@code role} and
 * {@code content}, and pairs of fields of texts. Every answer is a sample with the turns before it
 * as its prompt; of the second and further ones the id ends with {@code #2} and so on.
 */
public final class SampleFile {
  private SampleFile() {}

  /** Reads all samples; images are decoded when asked for. Errors name file and line. */
  public static List<Sample> read(Path file) {
    return rows(file, DataLimits.defaults(), BadRow.Handler.refuse()).stream()
        .map(Row::value)
        .toList();
  }

  /** The same with each sample's line. */
  public static List<Row<Sample>> rows(Path file, DataLimits limits, BadRow.Handler bad) {
    ImageFolder folder = ImageFolder.of(file, limits);
    String prefix = file.getFileName().toString().replaceAll("\\.[^.]*$", "") + "-";
    Map<String, Integer> numberById = new HashMap<>();
    return JsonLines.rows(
        file,
        limits,
        (number, fields) -> {
          List<Sample> samples = SampleRows.read(folder, fields, prefix + number);
          samples.forEach(sample -> requireNew(numberById, sample.id(), number));
          return samples;
        },
        bad);
  }

  /** Ids are unique in a file. */
  static void requireNew(Map<String, Integer> numberById, String id, int number) {
    Integer earlier = numberById.putIfAbsent(id, number);
    if (earlier != null) {
      throw new IllegalArgumentException(
          "id " + Excerpt.quoted(id) + " was already used by record " + earlier);
    }
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
                                          + Excerpt.of(sample.id())
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
      putPrompt(line, sample);
      line.put("kind", sample.kind());
      addTexts(line.putArray("options"), sample.options());
      line.put("twin", sample.twin());
      addTexts(line.putArray("objects"), sample.objects());
      lines.add(line);
    }
    AtomicFiles.write(file, JsonLines.bytes(lines));
  }

  private static void putPrompt(ObjectNode line, Sample sample) {
    if (sample.prompt().isPlain() && !sample.question().contains(TurnReader.MARK)) {
      line.put("question", sample.question());
      line.put("answer", sample.answer());
    } else {
      PromptJson.put(line, "prompt", sample.prompt());
      PromptJson.putAnswer(line, "completion", sample.answer());
    }
  }

  private static void addTexts(ArrayNode array, List<String> texts) {
    texts.forEach(array::add);
  }
}
