package org.equipoise.mbpo.evaluate;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Captions against the objects in the image (CHAIR, arXiv 1809.02156). A metric without anything to
 * count is NaN.
 *
 * @param items one per caption
 */
public record CaptionResult(List<Item> items) {
  /** CHAIR_s: share of captions with at least one hallucinated object. */
  public static final Statistic<Item> CHAIR_SENTENCE =
      Statistic.mean(i -> i.hallucinated() > 0 ? 1 : 0);

  /** CHAIR_i: hallucinated mentions as a share of all object mentions. */
  public static final Statistic<Item> CHAIR_INSTANCE =
      Statistic.ratio(Item::hallucinated, Item::mentions);

  /** Share of the images' objects that are mentioned. */
  public static final Statistic<Item> RECALL = Statistic.ratio(Item::recalled, Item::objects);

  /** Mean number of words. */
  public static final Statistic<Item> LENGTH = Statistic.mean(Item::words);

  /**
   * @param id the sample
   * @param caption the generated text
   * @param mentions object mentions, repetitions included
   * @param hallucinated mentions of objects that are not in the image
   * @param recalled objects of the image that are mentioned
   * @param objects different objects in the image
   * @param words words of the caption
   */
  public record Item(
      String id,
      String caption,
      int mentions,
      int hallucinated,
      int recalled,
      int objects,
      int words)
      implements EvaluatedItem {

    /**
     * Counts a caption's mentions.
     *
     * @param present the objects in the image, by the vocabulary's names
     */
    public static Item of(
        String id,
        String caption,
        List<String> present,
        ObjectVocabulary vocabulary,
        AnswerMatching matching) {
      Set<String> objects = new HashSet<>(present);
      for (String object : objects) {
        if (!vocabulary.contains(object)) {
          throw new IllegalArgumentException(
              "the image of sample "
                  + Excerpt.of(id)
                  + " shows "
                  + Excerpt.quoted(object)
                  + ", which the object vocabulary does not have");
        }
      }
      List<String> mentions = vocabulary.mentions(caption, matching);
      Set<String> recalled = new HashSet<>(mentions);
      recalled.retainAll(objects);
      long hallucinated = mentions.stream().filter(m -> !objects.contains(m)).count();
      return new Item(
          id,
          caption,
          mentions.size(),
          (int) hallucinated,
          recalled.size(),
          objects.size(),
          Verifiers.words(caption).size());
    }
  }

  public CaptionResult {
    items = List.copyOf(items);
  }

  public double chairSentence() {
    return CHAIR_SENTENCE.of(items);
  }

  public double chairInstance() {
    return CHAIR_INSTANCE.of(items);
  }

  public double recall() {
    return RECALL.of(items);
  }

  /** Mean number of words. */
  public double length() {
    return LENGTH.of(items);
  }
}
