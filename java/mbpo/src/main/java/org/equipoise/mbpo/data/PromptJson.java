package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.Prompt.Turn;

/**
 * Turns as messages of {@code role} and {@code content}: texts where all images come first, as
 * readers then put them there, otherwise parts.
 */
final class PromptJson {
  private PromptJson() {}

  static void put(ObjectNode line, String name, Prompt prompt) {
    ArrayNode messages = line.putArray(name);
    boolean texts =
        prompt.imagesComeFirst()
            && prompt.turns().stream().noneMatch(turn -> turn.text().contains(TurnReader.MARK));
    for (Turn turn : prompt.turns()) {
      ObjectNode message = messages.addObject();
      message.put("role", turn.role().name().toLowerCase(Locale.ROOT));
      if (texts) {
        message.put("content", turn.text());
      } else {
        putParts(message.putArray("content"), turn);
      }
    }
  }

  private static void putParts(ArrayNode parts, Turn turn) {
    for (int i = 0; i < turn.pieces().size(); i++) {
      if (i > 0) {
        parts.addObject().put("type", "image");
      }
      if (!turn.pieces().get(i).isEmpty()) {
        parts.addObject().put("type", "text").put("text", turn.pieces().get(i));
      }
    }
  }

  /** An answer as a list of one message. */
  static void putAnswer(ObjectNode line, String name, String answer) {
    line.putArray(name).addObject().put("role", "assistant").put("content", answer);
  }
}
