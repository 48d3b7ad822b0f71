package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Excerpt;

/** Samples grouped so that twins stand together. */
final class TwinUnits {
  private TwinUnits() {}

  /** One sample, or two twins, in the order of the first. */
  record Unit(List<Sample> samples) {
    String kind() {
      return samples.get(0).kind();
    }

    double mean(Map<String, Double> valueById) {
      return samples.stream().mapToDouble(s -> valueById.get(s.id())).average().orElseThrow();
    }
  }

  static List<Unit> of(List<Sample> samples) {
    Map<String, Sample> byId = new LinkedHashMap<>();
    for (Sample sample : samples) {
      if (byId.put(sample.id(), sample) != null) {
        throw new IllegalArgumentException("two samples have the id " + Excerpt.of(sample.id()));
      }
    }
    List<Unit> units = new ArrayList<>();
    Set<String> taken = new HashSet<>();
    for (Sample sample : samples) {
      if (!taken.add(sample.id())) {
        continue;
      }
      Sample twin = sample.twin() == null ? null : byId.get(sample.twin());
      if (twin == null) {
        units.add(new Unit(List.of(sample)));
        continue;
      }
      if (!sample.id().equals(twin.twin())) {
        throw new IllegalArgumentException(
            "sample "
                + Excerpt.of(sample.id())
                + " names "
                + Excerpt.of(twin.id())
                + " as its twin, which names "
                + Excerpt.of(String.valueOf(twin.twin())));
      }
      if (!taken.add(twin.id())) {
        throw new IllegalArgumentException(
            "sample " + Excerpt.of(twin.id()) + " is the twin of two samples");
      }
      units.add(new Unit(List.of(sample, twin)));
    }
    return units;
  }
}
