package org.equipoise.mbpo.data;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.equipoise.mbpo.image.ImageSource;
import org.jspecify.annotations.Nullable;

/**
 * One mined preference pair. Training uses the clean images; the perturbed ones are kept as
 * evidence.
 *
 * @param id the sample's id
 * @param images the clean images at the model's size, in the order of the prompt
 * @param perturbed the images that provoked the rejected answer
 * @param question the prompt text
 * @param chosen the gold answer
 * @param rejected the model's own answer to the perturbed images
 * @param kind the sample's kind
 * @param twin id of the complementary sample, or {@code null}
 * @param source which negative source made the perturbed image, for example {@code "adversarial"}
 * @param informationGain image information gain of the chosen answer in nats per token, NaN if
 *     unknown
 * @param scores what was measured while mining
 * @param perturbation settings of the source, written for the record
 */
public record PreferenceRecord(
    String id,
    List<ImageSource> images,
    List<ImageSource> perturbed,
    String question,
    String chosen,
    String rejected,
    String kind,
    @Nullable String twin,
    String source,
    double informationGain,
    Scores scores,
    Map<String, String> perturbation) {

  /**
   * @param logProbClean log p(chosen | clean image), summed over answer tokens through the end
   *     token
   * @param logProbPerturbed the same given the perturbed image as it is stored in the PNG
   * @param cleanAnswer greedy answer to the clean image
   * @param blindAnswer greedy answer to the blind image
   * @param equalsBlindAnswer whether the rejected answer is the blind answer (prior-share counts
   *     these)
   */
  public record Scores(
      double logProbClean,
      double logProbPerturbed,
      String cleanAnswer,
      String blindAnswer,
      boolean equalsBlindAnswer) {

    /** Change of the chosen answer's log-prob; negative when the perturbation hurt it. */
    public double delta() {
      return logProbPerturbed - logProbClean;
    }
  }

  public PreferenceRecord {
    Objects.requireNonNull(id, "id");
    images = List.copyOf(images);
    perturbed = List.copyOf(perturbed);
    if (images.isEmpty() || images.size() != perturbed.size()) {
      throw new IllegalArgumentException(
          "pair "
              + id
              + ": expected as many perturbed as clean images and at least one, found "
              + perturbed.size()
              + " and "
              + images.size());
    }
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(chosen, "chosen");
    Objects.requireNonNull(rejected, "rejected");
    Objects.requireNonNull(source, "source");
    perturbation = Map.copyOf(perturbation);
  }

  /** The question with the chosen answer as its gold one. */
  public Sample sample() {
    return new Sample(id, images, question, chosen, kind, List.of(), twin, List.of());
  }

  /** The same pair with other sources for its clean images, for example ones held in memory. */
  public PreferenceRecord images(List<ImageSource> others) {
    return new PreferenceRecord(
        id,
        others,
        perturbed,
        question,
        chosen,
        rejected,
        kind,
        twin,
        source,
        informationGain,
        scores,
        perturbation);
  }
}
