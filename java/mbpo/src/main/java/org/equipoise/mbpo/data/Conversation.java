package org.equipoise.mbpo.data;

import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;

/**
 * Turns of one row with its images. Every image has a place: where a mark or a part says so, and
 * before the first user's text where a row has neither.
 */
record Conversation(List<Turn> turns, List<ImageSource> images) {

  /** A prompt and an answer to it; the images are those of the prompt. */
  record Exchange(List<ImageSource> images, Prompt prompt, String answer) {}

  /**
   * @param images in the order of their places
   */
  static Conversation of(List<Turn> turns, List<String> images, ImageFolder folder) {
    for (Turn turn : turns) {
      if (turn.role() == Role.ASSISTANT && turn.images() > 0) {
        throw new IllegalArgumentException(
            "expected images in questions only, found one in an answer");
      }
    }
    int places = turns.stream().mapToInt(Turn::images).sum();
    List<Turn> placed = places == 0 ? imagesFirst(turns, images.size()) : turns;
    if (places > 0 && places != images.size()) {
      throw new IllegalArgumentException(
          "expected as many images as places for them ("
              + TurnReader.MARK
              + " in a text, or parts of type image), found "
              + images.size()
              + " and "
              + places);
    }
    return new Conversation(placed, images.stream().map(folder::image).toList());
  }

  private static List<Turn> imagesFirst(List<Turn> turns, int images) {
    List<Turn> placed = new ArrayList<>(turns);
    for (int i = 0; i < placed.size(); i++) {
      if (placed.get(i).role() == Role.USER) {
        placed.set(i, Prompt.of(images, placed.get(i).text()).turns().get(0));
        break;
      }
    }
    return placed;
  }

  /** The turns as a prompt; they must end with a user's. */
  Prompt prompt() {
    requireOrder();
    if (turns.get(turns.size() - 1).role() != Role.USER) {
      throw new IllegalArgumentException("expected a question at the end, found an answer");
    }
    return new Prompt(turns);
  }

  /** Every answer with the turns before it; the last turn must be one. */
  List<Exchange> exchanges() {
    requireOrder();
    if (turns.isEmpty() || turns.get(turns.size() - 1).role() != Role.ASSISTANT) {
      throw new IllegalArgumentException(
          "expected an answer to every question, found none to the last one");
    }
    List<Exchange> exchanges = new ArrayList<>();
    for (int i = 0; i < turns.size(); i++) {
      if (turns.get(i).role() == Role.ASSISTANT) {
        Prompt prompt = new Prompt(turns.subList(0, i));
        exchanges.add(
            new Exchange(images.subList(0, prompt.images()), prompt, turns.get(i).text()));
      }
    }
    return exchanges;
  }

  /** A system turn or none, then questions and answers in turn. */
  private void requireOrder() {
    int first = !turns.isEmpty() && turns.get(0).role() == Role.SYSTEM ? 1 : 0;
    for (int i = first; i < turns.size(); i++) {
      Role expected = (i - first) % 2 == 0 ? Role.USER : Role.ASSISTANT;
      if (turns.get(i).role() != expected) {
        throw new IllegalArgumentException(
            "expected a question and an answer in turn, found at place "
                + (i + 1)
                + " a turn of the role "
                + turns.get(i).role().name().toLowerCase(java.util.Locale.ROOT));
      }
    }
    if (first == turns.size()) {
      throw new IllegalArgumentException("expected a question and its answer, found no turn");
    }
  }
}
