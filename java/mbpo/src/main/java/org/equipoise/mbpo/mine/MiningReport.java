package org.equipoise.mbpo.mine;

import java.util.Map;

/**
 * What mining produced and what it left out.
 *
 * @param source the negative source
 * @param samples samples tried
 * @param usable pairs written
 * @param droppedByReason samples left out, by reason, in the order of {@link DropReason}
 * @param usableByKind pairs written, by kind
 * @param priorShare share of the written pairs whose rejected answer equals the blind greedy
 *     answer; NaN without pairs
 * @param priorShareByKind the same by kind
 * @param meanDelta mean change of the chosen answer's log-prob over all samples tried, in nats
 */
public record MiningReport(
    String source,
    int samples,
    int usable,
    Map<DropReason, Integer> droppedByReason,
    Map<String, Integer> usableByKind,
    double priorShare,
    Map<String, Double> priorShareByKind,
    double meanDelta) {

  /** Share of the samples tried that gave a usable pair. */
  public double usableShare() {
    return (double) usable / samples;
  }
}
