package org.equipoise.mbpo.data;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.equipoise.mbpo.data.Conversation.Exchange;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;

/** Samples of one row: one for each answer that it has. */
final class SampleRows {
  private static final String FORMS =
      "question and answer, conversations, messages, prompt and completion, instruction and output,"
          + " query and response";

  private SampleRows() {}

  /**
   * @param madeUpId where the row has none
   */
  static List<Sample> read(ImageFolder folder, JsonFields fields, String madeUpId) {
    if (fields.has("kto_tag") || fields.value("label").isBoolean()) {
      throw fields.wrong(
          fields.has("kto_tag") ? "kto_tag" : "label", "nothing, as answers here are right ones");
    }
    List<Exchange> exchanges = exchanges(folder, fields);
    String id = id(fields, madeUpId);
    List<Sample> samples = new ArrayList<>();
    for (Exchange exchange : exchanges) {
      if (exchange.answer().isBlank()) {
        throw new IllegalArgumentException("expected an answer, found an empty text");
      }
      samples.add(
          sample(fields, samples.isEmpty() ? id : id + "#" + (samples.size() + 1), exchange));
    }
    return samples;
  }

  private static Sample sample(JsonFields fields, String id, Exchange exchange) {
    List<String> options = options(fields);
    return new Sample(
        id,
        exchange.images(),
        exchange.prompt(),
        exchange.answer(),
        fields.isText("kind") ? fields.text("kind") : kind(exchange.answer(), options),
        options,
        fields.has("twin") ? fields.textOrNumber("twin") : null,
        fields.texts("objects"));
  }

  /** The row's id as text, or the one given where it has none. */
  static String id(JsonFields fields, String madeUpId) {
    for (String name : List.of("id", "question_id")) {
      if (fields.hasContent(name)) {
        return fields.textOrNumber(name);
      }
    }
    return madeUpId;
  }

  private static List<Exchange> exchanges(ImageFolder folder, JsonFields fields) {
    TurnReader reader = new TurnReader();
    String list = RowForms.turnList(fields);
    if (!list.isEmpty()) {
      List<Turn> turns = reader.turns(fields, list);
      try {
        return RowForms.conversation(folder, fields, reader, turns).exchanges();
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(fields.place(list) + ": " + e.getMessage(), e);
      }
    }
    boolean completion = fields.has("prompt") && fields.has("completion");
    List<Turn> turns = RowForms.history(fields);
    if (completion) {
      turns.addAll(turns(fields, reader, "prompt", Role.USER));
      turns.addAll(turns(fields, reader, "completion", Role.ASSISTANT));
    } else {
      turns.add(new Turn(Role.USER, TurnReader.pieces(question(fields))));
      turns.add(Turn.of(Role.ASSISTANT, answer(fields)));
    }
    List<Exchange> all = RowForms.conversation(folder, fields, reader, turns).exchanges();
    return completion ? all.subList(all.size() - 1, all.size()) : all;
  }

  private static List<Turn> turns(
      JsonFields fields, TurnReader reader, String name, Role roleOfText) {
    return fields.isText(name)
        ? List.of(new Turn(roleOfText, TurnReader.pieces(fields.text(name))))
        : reader.turns(fields, name);
  }

  private static String question(JsonFields fields) {
    if (fields.has("instruction") && fields.has("output")) {
      return RowForms.instruction(fields);
    }
    if (fields.has("query") && fields.has("response")) {
      return fields.text("query");
    }
    if (!fields.has("question") && !fields.has("answer")) {
      throw RowForms.unknown(fields, FORMS);
    }
    return fields.text("question");
  }

  private static String answer(JsonFields fields) {
    if (fields.has("question")) {
      return fields.text("answer");
    }
    return fields.text(fields.has("output") ? "output" : "response");
  }

  /**
   * A list of texts, or an object from the letters A, B, C and so on to texts, of which the last
   * may be empty.
   */
  private static List<String> options(JsonFields fields) {
    if (!fields.isObject("options")) {
      return fields.texts("options");
    }
    JsonFields object = fields.object("options");
    TreeMap<String, String> byLetter = new TreeMap<>();
    for (String name : object.names()) {
      if (object.hasContent(name)) {
        byLetter.put(name, object.textOrNumber(name));
      }
    }
    char letter = 'A';
    for (String name : byLetter.keySet()) {
      if (!name.equals(String.valueOf(letter++))) {
        throw fields.wrong("options", "a list, or an object with the fields A, B, C and so on");
      }
    }
    return List.copyOf(byLetter.values());
  }

  static String kind(String answer, List<String> options) {
    if (!options.isEmpty()) {
      return "multiple-choice";
    }
    return answer.strip().matches("(?i)(yes|no)[.!]?") ? "yes-no" : "open";
  }
}
