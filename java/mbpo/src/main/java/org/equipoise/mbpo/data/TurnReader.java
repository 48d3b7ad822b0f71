package org.equipoise.mbpo.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;

/**
 * Turns as files have them: {@code from} and {@code value} (LLaVA, ShareGPT) or {@code role} and
 * {@code content} (OpenAI, TRL, ms-swift), whose content is a text or a list of parts. In a text
 * {@code <image>} is the place of an image, and a line break beside it belongs to it; in parts, the
 * parts of type image are.
 */
final class TurnReader {
  static final String MARK = "<image>";

  private static final Map<String, Role> ROLES =
      Map.of(
          "system", Role.SYSTEM,
          "user", Role.USER,
          "human", Role.USER,
          "assistant", Role.ASSISTANT,
          "gpt", Role.ASSISTANT);

  private final List<String> images = new ArrayList<>();

  /** Images that parts name themselves, in order. */
  List<String> images() {
    return images;
  }

  /** The turns of a list of objects. */
  List<Turn> turns(JsonFields fields, String name) {
    return new ArrayList<>(fields.objects(name).stream().map(this::turn).toList());
  }

  Turn turn(JsonFields turn) {
    String roleName = turn.has("role") ? "role" : "from";
    Role role = ROLES.get(turn.text(roleName));
    if (role == null) {
      throw turn.wrong(roleName, "system, user (human) or assistant (gpt)");
    }
    if (turn.hasContent("tool_calls")) {
      throw turn.wrong("tool_calls", "nothing, as tools are not read");
    }
    if (turn.value("loss").isBoolean() && !turn.flag("loss")
        || turn.hasContent("weight") && turn.number("weight") != 1) {
      throw turn.wrong(
          turn.has("loss") ? "loss" : "weight", "nothing, as every answer of a row is trained on");
    }
    if (!turn.has("content")) {
      return new Turn(role, pieces(turn.text("value").strip()));
    }
    return new Turn(
        role, turn.isList("content") ? parts(turn, "content") : pieces(turn.text("content")));
  }

  /** The pieces of a text between its marks; without one the text as it is. */
  static List<String> pieces(String text) {
    if (!text.contains(MARK)) {
      return List.of(text);
    }
    List<String> pieces = new ArrayList<>(List.of(text.split(MARK, -1)));
    int last = pieces.size() - 1;
    for (int i = 0; i <= last; i++) {
      String piece = pieces.get(i);
      piece = i > 0 && piece.startsWith("\n") ? piece.substring(1) : piece;
      piece = i < last && piece.endsWith("\n") ? piece.substring(0, piece.length() - 1) : piece;
      pieces.set(i, piece.isBlank() ? "" : piece);
    }
    return stripped(pieces);
  }

  /** White space at the beginning and the end of a turn with marks says nothing. */
  private static List<String> stripped(List<String> pieces) {
    int first = 0;
    while (first < pieces.size() - 1 && pieces.get(first).isEmpty()) {
      first++;
    }
    pieces.set(first, pieces.get(first).stripLeading());
    int last = pieces.size() - 1;
    while (last > 0 && pieces.get(last).isEmpty()) {
      last--;
    }
    pieces.set(last, pieces.get(last).stripTrailing());
    return pieces;
  }

  private List<String> parts(JsonFields turn, String name) {
    List<String> pieces = new ArrayList<>(List.of(""));
    for (JsonFields part : turn.objects(name)) {
      switch (part.text("type")) {
        case "text" -> {
          int last = pieces.size() - 1;
          pieces.set(last, pieces.get(last) + part.text("text"));
        }
        case "image" -> {
          for (String key : List.of("image", "path", "url")) {
            if (part.has(key)) {
              images.add(RowImages.path(part.value(key), part.place(key)));
              break;
            }
          }
          pieces.add("");
        }
        default -> throw part.wrong("type", "text or image");
      }
    }
    return pieces;
  }
}
