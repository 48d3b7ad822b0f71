package org.equipoise.mbpo.mine;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.storage.Sha256;
import org.jspecify.annotations.Nullable;

/** Rejected answers that were generated elsewhere, under the images as they are. */
final class ImportedSource implements NegativeSource {
  private final Map<String, String> answerById;

  ImportedSource(Map<String, String> answerById) {
    this.answerById = Map.copyOf(answerById);
  }

  @Override
  public String name() {
    return "imported";
  }

  @Override
  public Map<String, String> settings() {
    Sha256 hash = new Sha256();
    new TreeMap<>(answerById)
        .forEach(
            (id, answer) -> {
              hash.add(id);
              hash.add(answer);
            });
    return Map.of("answers", answerById.size() + ":" + hash.shortHex());
  }

  @Override
  public List<Images> perturb(MultimodalModel model, List<Sample> samples, List<Images> clean) {
    return clean;
  }

  @Override
  public boolean asksModel() {
    return false;
  }

  @Override
  public @Nullable String answer(Sample sample) {
    return answerById.get(sample.id());
  }
}
