package org.equipoise.mbpo.command;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/** Whether samples and their twins name each other, as mining needs it. */
final class TwinCheck {
  private final Map<String, Sample> byId = new HashMap<>();
  private final boolean needed;

  /**
   * @param needed whether every sample must have a twin
   */
  TwinCheck(List<Sample> samples, boolean needed) {
    samples.forEach(sample -> byId.put(sample.id(), sample));
    this.needed = needed;
  }

  /** What is wrong with a sample's twin, or {@code null}. */
  @Nullable String problem(Sample sample) {
    Sample twin = sample.twin() == null ? null : byId.get(sample.twin());
    if (twin == null) {
      return needed ? "it has no twin among the samples, which mine.baseline=TWIN needs" : null;
    }
    return sample.id().equals(twin.twin())
        ? null
        : "it names "
            + Excerpt.of(twin.id())
            + " as its twin, which names "
            + (twin.twin() == null ? "none" : Excerpt.of(twin.twin()));
  }
}
