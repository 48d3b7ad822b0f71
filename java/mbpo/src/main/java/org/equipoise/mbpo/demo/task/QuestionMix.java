package org.equipoise.mbpo.demo.task;

import org.equipoise.mbpo.demo.scene.RandomCursor;

/** Shares of the question kinds in a data set; they sum to 1. */
public record QuestionMix(double yesNo, double existence, double multipleChoice, double caption) {

  public QuestionMix {
    double sum = yesNo + existence + multipleChoice + caption;
    if (Math.abs(sum - 1) > 1e-9
        || Math.min(Math.min(yesNo, existence), Math.min(multipleChoice, caption)) < 0) {
      throw new IllegalArgumentException(
          "shares of question kinds must be non-negative and sum to 1, found "
              + yesNo
              + ", "
              + existence
              + ", "
              + multipleChoice
              + ", "
              + caption);
    }
  }

  QuestionKind draw(RandomCursor random) {
    double u = random.uniform();
    if (u < yesNo) {
      return QuestionKind.YES_NO;
    }
    if (u < yesNo + existence) {
      return QuestionKind.EXISTENCE;
    }
    return u < yesNo + existence + multipleChoice
        ? QuestionKind.MULTIPLE_CHOICE
        : QuestionKind.CAPTION;
  }
}
