package org.equipoise.mbpo.report;

import java.util.List;

/**
 * One mined example. The PNG arrays are not copied: treat them as immutable.
 *
 * @param question the question as asked
 * @param gold the correct answer
 * @param cleanPng the image that training uses
 * @param perturbedPng the image the rejected answer was given to
 * @param differencePng perturbed − clean, amplified around mid-grey
 * @param differenceFactor by how much the difference is amplified
 * @param perturbation in words with unit, for example {@code "L∞ 16/255, 8 steps"}
 * @param answers who answered what, in order: start on the clean image, start on the perturbed
 *     image (the rejected answer), start without image, after training, ...
 * @param logProbabilities of the gold answer under different images, natural logarithm
 */
public record GalleryItem(
    String question,
    String gold,
    byte[] cleanPng,
    byte[] perturbedPng,
    byte[] differencePng,
    int differenceFactor,
    String perturbation,
    List<Answer> answers,
    List<Setting> logProbabilities) {

  public GalleryItem {
    answers = List.copyOf(answers);
    logProbabilities = List.copyOf(logProbabilities);
  }

  /** What an answer is in this example. */
  public enum Outcome {
    CORRECT,
    WRONG,
    /** Neither: a caption, an answer of a blind model. */
    UNJUDGED
  }

  /**
   * One answer.
   *
   * @param who for example {@code "before, clean image"}
   */
  public record Answer(String who, String text, Outcome outcome) {}
}
