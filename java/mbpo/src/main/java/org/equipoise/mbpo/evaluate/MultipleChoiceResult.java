package org.equipoise.mbpo.evaluate;

import java.util.List;

/**
 * Multiple-choice questions.
 *
 * @param items one per question
 */
public record MultipleChoiceResult(List<Item> items) {
  /** Share of generated answers that are right. */
  public static final Statistic<Item> ACCURACY = Statistic.mean(i -> i.correct() ? 1 : 0);

  /** Share right when the answer is restricted to the offered options. */
  public static final Statistic<Item> ACCURACY_AMONG_OPTIONS =
      Statistic.mean(i -> i.correctAmongOptions() ? 1 : 0);

  /**
   * @param id the sample
   * @param correct whether the generated answer names the gold option
   * @param correctAmongOptions whether the gold option has the highest log-prob of those offered
   * @param answer the generated text
   * @param bestOption the offered option with the highest log-prob; the first of equal ones
   */
  public record Item(
      String id, boolean correct, boolean correctAmongOptions, String answer, String bestOption)
      implements EvaluatedItem {}

  public MultipleChoiceResult {
    items = List.copyOf(items);
  }

  public double accuracy() {
    return ACCURACY.of(items);
  }
}
