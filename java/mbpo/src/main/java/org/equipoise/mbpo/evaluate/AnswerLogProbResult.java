package org.equipoise.mbpo.evaluate;

import java.util.List;

/**
 * How probable the gold answers are with the image and with the blind image, per answer token, end
 * token left out.
 *
 * @param items one per sample
 */
public record AnswerLogProbResult(List<Item> items) {
  /** Mean over samples of the log-prob per token given the image. */
  public static final Statistic<Item> IMAGE = Statistic.mean(Item::image);

  /** The same given the blind image. */
  public static final Statistic<Item> BLIND = Statistic.mean(Item::blind);

  /** Mean image information gain. */
  public static final Statistic<Item> INFORMATION_GAIN = Statistic.mean(i -> i.image() - i.blind());

  /**
   * @param id the sample
   * @param image mean log-prob per token given the image, in nats
   * @param blind the same given the blind image
   */
  public record Item(String id, double image, double blind) implements EvaluatedItem {}

  public AnswerLogProbResult {
    items = List.copyOf(items);
  }

  public double image() {
    return IMAGE.of(items);
  }

  public double blind() {
    return BLIND.of(items);
  }

  public double informationGain() {
    return INFORMATION_GAIN.of(items);
  }
}
