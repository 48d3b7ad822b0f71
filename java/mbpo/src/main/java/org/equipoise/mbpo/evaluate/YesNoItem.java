package org.equipoise.mbpo.evaluate;

import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * @param id the sample
 * @param goldYes whether the gold answer is yes
 * @param logOdds log p("yes") − log p("no") in nats; may be infinite, never NaN
 * @param answeredYes the generated answer, {@code null} when it says neither or both
 * @param answer the generated text
 */
public record YesNoItem(
    String id, boolean goldYes, double logOdds, @Nullable Boolean answeredYes, String answer)
    implements EvaluatedItem {

  public YesNoItem {
    if (Double.isNaN(logOdds)) {
      throw new IllegalArgumentException(
          "the log-odds of sample "
              + Excerpt.of(id)
              + " are NaN; look for NaN in the model's weights or images");
    }
  }

  /** Whether the answer is right; neither counts as wrong. */
  public boolean correct() {
    return answeredYes != null && answeredYes == goldYes;
  }

  /** Whether the answer is readable as yes. */
  public boolean saysYes() {
    return Boolean.TRUE.equals(answeredYes);
  }

  /** The same item answered by comparing the log-odds with a threshold. */
  public YesNoItem atThreshold(double threshold) {
    boolean yes = logOdds > threshold;
    return new YesNoItem(id, goldYes, logOdds, yes, yes ? "yes" : "no");
  }
}
