package org.equipoise.mbpo.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a model is asked: the turns of a conversation, the last one a user's. Immutable.
 *
 * @param turns from the first to the question; a system turn may only be the first
 */
public record Prompt(List<Turn> turns) {

  /** Who speaks. */
  public enum Role {
    SYSTEM,
    USER,
    ASSISTANT
  }

  /**
   * @param role who speaks
   * @param pieces the texts before, between and behind the images: one more than there are images
   */
  public record Turn(Role role, List<String> pieces) {
    public Turn {
      pieces = List.copyOf(pieces);
      if (pieces.isEmpty()) {
        throw new IllegalArgumentException("a turn has at least one piece of text, found none");
      }
    }

    /** A turn of text alone. */
    public static Turn of(Role role, String text) {
      return new Turn(role, List.of(text));
    }

    /** Images that stand in this turn. */
    public int images() {
      return pieces.size() - 1;
    }

    /** The text without its images. */
    public String text() {
      return String.join("", pieces);
    }

    /** Whether all images come before the text. */
    boolean imagesFirst() {
      return pieces.subList(0, images()).stream().allMatch(String::isEmpty);
    }
  }

  public Prompt {
    turns = List.copyOf(turns);
    if (turns.isEmpty() || turns.get(turns.size() - 1).role() != Role.USER) {
      throw new IllegalArgumentException("a prompt ends with a user's turn, found none at its end");
    }
    if (turns.subList(1, turns.size()).stream().anyMatch(turn -> turn.role() == Role.SYSTEM)) {
      throw new IllegalArgumentException("a system turn must be the first of a prompt");
    }
  }

  /** One question about images that come before it. */
  public static Prompt of(int images, String question) {
    List<String> pieces = new ArrayList<>(Collections.nCopies(images, ""));
    pieces.add(question);
    return new Prompt(List.of(new Turn(Role.USER, pieces)));
  }

  /** Images in all turns. */
  public int images() {
    return turns.stream().mapToInt(Turn::images).sum();
  }

  /** The text of the last turn. */
  public String question() {
    return turns.get(turns.size() - 1).text();
  }

  /** Whether this is one question with all images before it. */
  public boolean isPlain() {
    return turns.size() == 1 && turns.get(0).imagesFirst();
  }

  /** Whether all images come before the text of the first user's turn, as most tools put them. */
  public boolean imagesComeFirst() {
    Turn first = turns.get(turns.get(0).role() == Role.SYSTEM ? 1 : 0);
    return first.images() == images() && first.imagesFirst();
  }

  /** The same turns with no image. */
  public Prompt withoutImages() {
    return new Prompt(turns.stream().map(turn -> Turn.of(turn.role(), turn.text())).toList());
  }
}
