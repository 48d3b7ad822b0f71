package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairLossKind;
import org.equipoise.kernels.PairTerm;
import org.jspecify.annotations.Nullable;

/**
 * mDPO, arXiv 2406.11839: the chosen answer has to be preferred to the rejected one, its own image
 * to another one, and it must not become less likely than it was.
 *
 * <pre>{@code
 * delta_c, delta_r  log-ratios of the answers to the reference, as in PairLoss
 * delta_o           that of the chosen answer under the other image
 * loss = mean over pairs of -w_1 ls(beta (delta_c - delta_r))     answers
 *                           -w_2 ls(beta (delta_c - delta_o))     images
 *                           -w_3 ls(beta delta_c)                 anchor
 * }</pre>
 *
 * The other image is the caller's: the paper crops the clean one to at most 20 percent of its area;
 * an adversarial or a blank one serves as well. Immutable and thread-safe.
 */
public final class MdpoLoss {
  private final double beta;
  private final double answerWeight;
  private final double imageWeight;
  private final double anchorWeight;
  private final PairLoss answers;
  private final PairLoss images;

  private MdpoLoss(double beta, double answerWeight, double imageWeight, double anchorWeight) {
    this.beta = beta;
    this.answerWeight = answerWeight;
    this.imageWeight = imageWeight;
    this.anchorWeight = anchorWeight;
    answers =
        PairLoss.sum(
                new PairTerm(PairLossKind.SIGMOID, answerWeight),
                new PairTerm(PairLossKind.ANCHOR, anchorWeight))
            .beta(beta);
    images = PairLoss.sum(new PairTerm(PairLossKind.SIGMOID, imageWeight)).beta(beta);
  }

  /** The paper's: beta 0.1, weights 1. */
  public static MdpoLoss mdpo() {
    return new MdpoLoss(0.1, 1, 1, 1);
  }

  /** Inverse temperature of the implicit rewards; finite and positive. */
  public MdpoLoss beta(double value) {
    return new MdpoLoss(value, answerWeight, imageWeight, anchorWeight);
  }

  /** Factors of the three terms; finite. */
  public MdpoLoss weights(double ofAnswers, double ofImages, double ofAnchor) {
    return new MdpoLoss(beta, ofAnswers, ofImages, ofAnchor);
  }

  public double beta() {
    return beta;
  }

  public double answerWeight() {
    return answerWeight;
  }

  public double imageWeight() {
    return imageWeight;
  }

  public double anchorWeight() {
    return anchorWeight;
  }

  /**
   * The loss, attached to the graphs of the policy's log-probs (first order only).
   *
   * @param batch both answers under the clean image
   * @param chosenUnderOther log-probs of the chosen answers' tokens under the other image, in the
   *     shape of {@code batch.chosen()}; they share its mask
   * @param referenceUnderOther the reference's; null exactly if the batch has no reference
   * @throws IllegalArgumentException naming the argument, what was expected and what was found; the
   *     other image's log-probs are the rejected side of the pair of images
   */
  public Result apply(
      PairBatch<Tensor> batch, Tensor chosenUnderOther, @Nullable Tensor referenceUnderOther) {
    PairBatch<Tensor> pairOfImages =
        PairBatch.of(batch.chosen(), chosenUnderOther, batch.chosenMask(), batch.chosenMask())
            .reference(batch.referenceChosen(), referenceUnderOther)
            .weights(batch.weights());
    PairLoss.Result ofAnswers = answers.apply(batch);
    PairLoss.Result ofImages = images.apply(pairOfImages);
    return new Result(ofAnswers.loss().add(ofImages.loss()), ofAnswers, ofImages);
  }

  /** What one call gave. Its tensors belong to the pointer scope of the call. */
  public static final class Result implements ScalarLoss {
    private final Tensor loss;
    private final PairLoss.Result answers;
    private final PairLoss.Result images;

    private Result(Tensor loss, PairLoss.Result answers, PairLoss.Result images) {
      this.loss = loss;
      this.answers = answers;
      this.images = images;
    }

    /** 0-dimensional f32 (f64 for f64 log-probs), attached to the policy's graph. */
    @Override
    public Tensor loss() {
      return alive("loss", loss);
    }

    /** {@code loss().backward()}. */
    public void backward() {
      loss().backward();
    }

    /** Chosen against rejected answers, with the anchor: losses, rewards, metrics. */
    public PairLoss.Result answers() {
      return answers;
    }

    /** The chosen answers under the clean image (chosen) against the other one (rejected). */
    public PairLoss.Result images() {
      return images;
    }
  }
}
