package org.equipoise.mbpo.mine;

import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.model.MultimodalModel;
import org.jspecify.annotations.Nullable;

/**
 * Makes the image that provokes a wrong answer. The result is 8-bit: exactly what a PNG holds and
 * what the model is shown. Implementations are immutable; randomness is keyed by sample id, never
 * by batch.
 */
public interface NegativeSource {
  /** Short name, for example {@code "adversarial"}. */
  String name();

  /** Everything that decides what {@link #perturb} gives, written into every record. */
  Map<String, String> settings();

  /**
   * @param samples whose gold answers are to be made improbable
   * @param clean their images at the model's size
   * @return images of the same number for each sample
   */
  List<Images> perturb(MultimodalModel model, List<Sample> samples, List<Images> clean);

  /**
   * Whether the rejected answer is what the model says to the perturbed image, whose log-prob of
   * the gold answer must then have fallen; otherwise {@link #answer} has it.
   */
  default boolean asksModel() {
    return true;
  }

  /** The rejected answer where the model is not asked for it; {@code null} where there is none. */
  default @Nullable String answer(Sample sample) {
    return null;
  }
}
