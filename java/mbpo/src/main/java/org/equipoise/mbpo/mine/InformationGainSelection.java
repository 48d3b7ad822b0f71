package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Keeps the samples whose image matters: per kind, the share with the highest information gain.
 * Twins count as one, with the mean of their gains, and are kept or dropped together.
 *
 * @param keepShare in [0, 1]; of n units of a kind, round(keepShare·n) are kept
 */
public record InformationGainSelection(double keepShare) {

  public InformationGainSelection {
    if (!(keepShare >= 0 && keepShare <= 1)) {
      throw new IllegalArgumentException("keepShare must be in [0, 1], found " + keepShare);
    }
  }

  /**
   * @param kept the chosen samples in their original order
   * @param gains the gains of those samples
   * @param cutOffByKind the lowest kept gain of a unit, by kind; NaN where nothing was kept
   * @param droppedByKind samples left out, by kind
   */
  public record Selection(
      List<Sample> kept,
      double[] gains,
      Map<String, Double> cutOffByKind,
      Map<String, Integer> droppedByKind) {}

  /** Refuses samples whose twins do not agree with each other; selecting begins with it. */
  public static void requireTwins(List<Sample> samples) {
    TwinUnits.of(samples);
  }

  /** Selects; a sample whose twin is not in the list stands alone. */
  public Selection select(List<Sample> samples, double[] gains) {
    if (samples.size() != gains.length) {
      throw new IllegalArgumentException(
          "one gain per sample is needed: "
              + samples.size()
              + " samples, "
              + gains.length
              + " gains");
    }
    Map<String, Double> gainById = new HashMap<>();
    for (int i = 0; i < gains.length; i++) {
      if (Double.isNaN(gains[i])) {
        throw new IllegalArgumentException(
            "the gain of sample " + Excerpt.of(samples.get(i).id()) + " is NaN");
      }
      gainById.put(samples.get(i).id(), gains[i]);
    }
    Map<String, List<TwinUnits.Unit>> unitsByKind = new TreeMap<>();
    for (TwinUnits.Unit unit : TwinUnits.of(samples)) {
      unitsByKind.computeIfAbsent(unit.kind(), kind -> new ArrayList<>()).add(unit);
    }
    Set<String> keptIds = new HashSet<>();
    Map<String, Double> cutOffs = new LinkedHashMap<>();
    Map<String, Integer> dropped = new LinkedHashMap<>();
    unitsByKind.forEach(
        (kind, units) -> {
          List<TwinUnits.Unit> ranked = new ArrayList<>(units);
          ranked.sort(
              Comparator.comparingDouble((TwinUnits.Unit u) -> u.mean(gainById)).reversed());
          int keep = (int) Math.round(keepShare * ranked.size());
          int left = 0;
          double cutOff = Double.NaN;
          for (int i = 0; i < ranked.size(); i++) {
            if (i < keep) {
              ranked.get(i).samples().forEach(sample -> keptIds.add(sample.id()));
              cutOff = ranked.get(i).mean(gainById);
            } else {
              left += ranked.get(i).samples().size();
            }
          }
          cutOffs.put(kind, cutOff);
          dropped.put(kind, left);
        });
    List<Sample> kept = samples.stream().filter(s -> keptIds.contains(s.id())).toList();
    double[] keptGains = kept.stream().mapToDouble(s -> gainById.get(s.id())).toArray();
    return new Selection(kept, keptGains, cutOffs, dropped);
  }
}
