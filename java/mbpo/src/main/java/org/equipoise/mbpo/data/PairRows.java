package org.equipoise.mbpo.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;

/** One row with a chosen and a rejected answer, mined here or written elsewhere. */
final class PairRows {
  private static final String FORMS =
      "prompt, chosen and rejected (texts or messages); chosen and rejected with the prompt in"
          + " both; question, chosen and rejected; conversations or messages with chosen and"
          + " rejected; messages and rejected_response";

  private PairRows() {}

  /** A conversation up to the question, and two answers to it. */
  private record Pair(List<Turn> turns, String chosen, String rejected) {}

  /**
   * @param madeUpId where the row has none
   */
  static PreferenceRecord read(ImageFolder folder, JsonFields fields, String madeUpId) {
    TurnReader reader = new TurnReader();
    Pair pair = pair(fields, reader);
    if (pair.chosen.isBlank() || pair.rejected.isBlank()) {
      throw new IllegalArgumentException(
          "expected two answers, found an empty text as the "
              + (pair.chosen.isBlank() ? "chosen" : "rejected")
              + " one");
    }
    Conversation conversation = RowForms.conversation(folder, fields, reader, pair.turns);
    boolean mined = fields.has("scores");
    return new PreferenceRecord(
        SampleRows.id(fields, madeUpId),
        conversation.images(),
        perturbed(folder, fields, conversation.images()),
        conversation.prompt(),
        pair.chosen,
        pair.rejected,
        mined ? fields.text("kind") : SampleRows.kind(pair.chosen, List.of()),
        fields.has("twin") ? fields.textOrNumber("twin") : null,
        mined ? fields.text("source") : "file",
        fields.number("information_gain"),
        mined ? scores(fields.object("scores")) : PreferenceRecord.Scores.unknown(),
        mined ? fields.object("perturbation").asMap() : Map.of());
  }

  private static PreferenceRecord.Scores scores(JsonFields scores) {
    return new PreferenceRecord.Scores(
        scores.number("log_prob_clean"),
        scores.number("log_prob_perturbed"),
        scores.text("clean_answer"),
        scores.text("blind_answer"),
        scores.flag("equals_blind_answer"));
  }

  private static List<ImageSource> perturbed(
      ImageFolder folder, JsonFields fields, List<ImageSource> clean) {
    List<String> paths = fields.texts("images_perturbed");
    return paths.isEmpty() ? clean : paths.stream().map(folder::image).toList();
  }

  private static Pair pair(JsonFields fields, TurnReader reader) {
    String list = RowForms.turnList(fields);
    if (fields.has("rejected_response") && !list.isEmpty()) {
      List<Turn> turns = reader.turns(fields, list);
      String chosen = last(turns, fields.place(list));
      return new Pair(turns.subList(0, turns.size() - 1), chosen, fields.text("rejected_response"));
    }
    if (fields.has("rejected_response") && fields.has("query")) {
      List<Turn> turns = RowForms.history(fields);
      turns.add(new Turn(Role.USER, TurnReader.pieces(fields.text("query"))));
      return new Pair(turns, fields.text("response"), fields.text("rejected_response"));
    }
    if (!fields.has("chosen") || !fields.has("rejected")) {
      throw RowForms.unknown(fields, FORMS);
    }
    List<Turn> chosen = answers(fields, reader, "chosen");
    // The images of a prompt that stands in both lists count once.
    List<Turn> rejected = answers(fields, new TurnReader(), "rejected");
    List<Turn> prompt = new ArrayList<>(prompt(fields, reader, list));
    int common = common(chosen, rejected);
    if (common > 0) {
      requireSame(fields, prompt, chosen.subList(0, common));
      prompt = chosen.subList(0, common);
    }
    if (prompt.isEmpty()) {
      throw RowForms.unknown(fields, FORMS);
    }
    return new Pair(prompt, only(chosen, common, "chosen"), only(rejected, common, "rejected"));
  }

  private static List<Turn> prompt(JsonFields fields, TurnReader reader, String list) {
    if (fields.isList("prompt")) {
      return reader.turns(fields, "prompt");
    }
    if (!list.isEmpty()) {
      return reader.turns(fields, list);
    }
    List<Turn> turns = RowForms.history(fields);
    String question =
        fields.has("prompt")
            ? fields.text("prompt")
            : fields.has("question")
                ? fields.text("question")
                : fields.has("instruction") ? RowForms.instruction(fields) : "";
    if (!question.isEmpty()) {
      turns.add(new Turn(Role.USER, TurnReader.pieces(question)));
    }
    return turns;
  }

  private static List<Turn> answers(JsonFields fields, TurnReader reader, String name) {
    if (fields.isText(name)) {
      return List.of(Turn.of(Role.ASSISTANT, fields.text(name)));
    }
    return fields.isObject(name)
        ? List.of(reader.turn(fields.object(name)))
        : reader.turns(fields, name);
  }

  /** How many turns both begin with; an answer is none of them. */
  private static int common(List<Turn> chosen, List<Turn> rejected) {
    int common = 0;
    while (common < chosen.size() - 1
        && common < rejected.size() - 1
        && chosen.get(common).equals(rejected.get(common))) {
      common++;
    }
    return common;
  }

  /** A prompt that is given beside one in both lists must be that one or its question. */
  private static void requireSame(JsonFields fields, List<Turn> given, List<Turn> common) {
    boolean same =
        given.isEmpty()
            || given.equals(common)
            || given.size() == 1
                && common.stream().anyMatch(turn -> turn.text().equals(given.get(0).text()));
    if (!same) {
      throw new IllegalArgumentException(
          fields.place("prompt")
              + ": expected the turns that chosen and rejected begin with, found others");
    }
  }

  private static String only(List<Turn> turns, int common, String name) {
    if (turns.size() != common + 1 || turns.get(common).role() != Role.ASSISTANT) {
      throw new IllegalArgumentException(
          "field \""
              + name
              + "\": expected one answer behind the turns that chosen and rejected share, found "
              + (turns.size() - common)
              + " turns or a question");
    }
    return turns.get(common).text();
  }

  private static String last(List<Turn> turns, String place) {
    if (turns.isEmpty() || turns.get(turns.size() - 1).role() != Role.ASSISTANT) {
      throw new IllegalArgumentException(place + ": expected an answer at the end, found none");
    }
    return turns.get(turns.size() - 1).text();
  }
}
