package org.equipoise.mbpo.data;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Answers that were generated elsewhere, one JSON object a line:
 *
 * <pre>{"id": "q1", "answer": "there are two dogs"}</pre>
 *
 * {@code question_id} and {@code text}, as LLaVA's scripts write them, are read as well; an id may
 * be a number.
 */
public final class AnswerFile {
  private AnswerFile() {}

  /** From sample ids to answers, in the file's order. Errors name file and line. */
  public static Map<String, String> read(Path file) {
    return read(file, DataLimits.defaults());
  }

  /** The same of a file of bounded size. */
  public static Map<String, String> read(Path file, DataLimits limits) {
    Map<String, String> answers = new LinkedHashMap<>();
    JsonLines.read(
        file,
        limits,
        fields -> {
          String id = fields.textOrNumber(fields.has("id") ? "id" : "question_id");
          String answer = fields.text(fields.has("answer") ? "answer" : "text");
          if (answers.putIfAbsent(id, answer) != null) {
            throw new IllegalArgumentException(
                "id " + Excerpt.quoted(id) + " has an answer already");
          }
          return id;
        });
    return answers;
  }
}
