package org.equipoise.mbpo.data;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * One preference pair. Training uses the clean images; the perturbed ones are kept as evidence.
 *
 * @param id the sample's id
 * @param images the clean images, in the order of the prompt
 * @param perturbed the images that provoked the rejected answer; the clean ones where nothing was
 *     perturbed
 * @param prompt the question, and the turns before it where there are any
 * @param chosen the gold answer
 * @param rejected the answer to be made less probable, of mined pairs the model's own to the
 *     perturbed images
 * @param kind the sample's kind
 * @param twin id of the complementary sample, or {@code null}
 * @param source which negative source made the perturbed image, for example {@code "adversarial"}
 * @param informationGain image information gain of the chosen answer in nats per token, NaN if
 *     unknown
 * @param scores what was measured while mining
 * @param perturbation settings of the source, written for the record
 */
@RecordBuilder
public record PreferenceRecord(
    String id,
    List<ImageSource> images,
    List<ImageSource> perturbed,
    Prompt prompt,
    String chosen,
    String rejected,
    String kind,
    @Nullable String twin,
    String source,
    double informationGain,
    Scores scores,
    Map<String, String> perturbation)
    implements PreferenceRecordBuilder.With {

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

    /** Of a pair that was not mined: nothing was measured. */
    public static Scores unknown() {
      return new Scores(Double.NaN, Double.NaN, "", "", false);
    }

    /** Change of the chosen answer's log-prob; negative when the perturbation hurt it. */
    public double delta() {
      return logProbPerturbed - logProbClean;
    }
  }

  public PreferenceRecord {
    Objects.requireNonNull(id, "id");
    images = List.copyOf(images);
    perturbed = List.copyOf(perturbed);
    Objects.requireNonNull(prompt, "prompt");
    if (images.size() != perturbed.size() || images.size() != prompt.images()) {
      throw new IllegalArgumentException(
          "pair "
              + Excerpt.of(id)
              + ": expected as many perturbed as clean images and as places in the prompt, found "
              + perturbed.size()
              + ", "
              + images.size()
              + " and "
              + prompt.images());
    }
    Objects.requireNonNull(chosen, "chosen");
    Objects.requireNonNull(rejected, "rejected");
    Objects.requireNonNull(source, "source");
    perturbation = Map.copyOf(perturbation);
  }

  /** A pair whose question comes behind its images. */
  public PreferenceRecord(
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
    this(
        id,
        images,
        perturbed,
        Prompt.of(images.size(), question),
        chosen,
        rejected,
        kind,
        twin,
        source,
        informationGain,
        scores,
        perturbation);
  }

  /** The text of the question, the last turn of the prompt. */
  public String question() {
    return prompt.question();
  }

  /** The question with the chosen answer as its gold one. */
  public Sample sample() {
    return new Sample(id, images, prompt, chosen, kind, List.of(), twin, List.of());
  }
}
