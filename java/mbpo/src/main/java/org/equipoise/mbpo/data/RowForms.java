package org.equipoise.mbpo.data;

import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;
import org.equipoise.mbpo.storage.Excerpt;

/** The turns of rows in the forms that peers publish. */
final class RowForms {
  private static final List<String> LISTS = List.of("conversations", "messages");

  private RowForms() {}

  /** Name of the field with a list of turns, or an empty text where there is none. */
  static String turnList(JsonFields fields) {
    return LISTS.stream().filter(fields::has).findFirst().orElse("");
  }

  /** A row's turns and images in their places. */
  static Conversation conversation(
      ImageFolder folder, JsonFields fields, TurnReader reader, List<Turn> turns) {
    List<Turn> all = new ArrayList<>(turns);
    if (fields.hasContent("tools")) {
      throw fields.wrong("tools", "nothing, as tools are not read");
    }
    for (String name : List.of("system", "system_prompt")) {
      if (fields.hasContent(name) && !all.isEmpty() && all.get(0).role() != Role.SYSTEM) {
        all.add(0, Turn.of(Role.SYSTEM, fields.text(name)));
      }
    }
    List<String> images = RowImages.of(fields);
    if (!images.isEmpty() && !reader.images().isEmpty() && !images.equals(reader.images())) {
      throw new IllegalArgumentException(
          "expected images in the row or in its turns, found different ones in both");
    }
    images = images.isEmpty() ? reader.images() : images;
    if (images.isEmpty()) {
      RowImages.requireNone(fields);
    }
    return Conversation.of(all, images, folder);
  }

  /** Turns of {@code history}: pairs of a question and an answer. */
  static List<Turn> history(JsonFields fields) {
    List<Turn> turns = new ArrayList<>();
    if (!fields.hasContent("history")) {
      return turns;
    }
    for (var pair : fields.value("history")) {
      if (pair.size() != 2 || !pair.path(0).isTextual() || !pair.path(1).isTextual()) {
        throw fields.wrong("history", "a list of [question, answer]");
      }
      turns.add(new Turn(Role.USER, TurnReader.pieces(pair.path(0).textValue())));
      turns.add(new Turn(Role.ASSISTANT, TurnReader.pieces(pair.path(1).textValue())));
    }
    return turns;
  }

  /** The question of alpaca's rows: the instruction and, where there is one, its input. */
  static String instruction(JsonFields fields) {
    String instruction = fields.text("instruction");
    return fields.hasContent("input") ? instruction + "\n" + fields.text("input") : instruction;
  }

  /** For a row of no known form. */
  static IllegalArgumentException unknown(JsonFields fields, String forms) {
    return new IllegalArgumentException(
        "expected one of the forms "
            + forms
            + ", found the fields "
            + Excerpt.of(String.join(", ", fields.names())));
  }
}
