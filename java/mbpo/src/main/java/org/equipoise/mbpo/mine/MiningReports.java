package org.equipoise.mbpo.mine;

import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.equipoise.mbpo.data.DroppedSample;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;

/** Counts what a preference store holds, so that a resumed mining reports the whole. */
final class MiningReports {
  private MiningReports() {}

  static MiningReport of(String source, Path folder) {
    List<PreferenceRecord> pairs = PreferenceStore.read(folder);
    List<DroppedSample> dropped = PreferenceStore.readDropped(folder);
    Map<DropReason, Integer> droppedByReason = new EnumMap<>(DropReason.class);
    double deltas = 0;
    for (DroppedSample sample : dropped) {
      droppedByReason.merge(DropReason.valueOf(sample.reason()), 1, Integer::sum);
      deltas += sample.delta();
    }
    Map<String, Integer> usableByKind = new TreeMap<>();
    Map<String, Double> blindByKind = new TreeMap<>();
    double blind = 0;
    for (PreferenceRecord pair : pairs) {
      double equal = pair.scores().equalsBlindAnswer() ? 1 : 0;
      usableByKind.merge(pair.kind(), 1, Integer::sum);
      blindByKind.merge(pair.kind(), equal, Double::sum);
      blind += equal;
      deltas += pair.scores().delta();
    }
    blindByKind.replaceAll((kind, count) -> count / usableByKind.get(kind));
    int samples = pairs.size() + dropped.size();
    return new MiningReport(
        source,
        samples,
        pairs.size(),
        droppedByReason,
        usableByKind,
        pairs.isEmpty() ? Double.NaN : blind / pairs.size(),
        blindByKind,
        deltas / samples);
  }
}
