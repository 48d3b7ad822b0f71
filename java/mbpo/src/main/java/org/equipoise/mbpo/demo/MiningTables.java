package org.equipoise.mbpo.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.report.TextTable;

/** How good each source's negatives are, and how the first one's are by kind of question. */
final class MiningTables {
  private MiningTables() {}

  static List<TextTable> of(Map<PairMining, MiningQuality> qualities) {
    Map.Entry<PairMining, MiningQuality> first = qualities.entrySet().iterator().next();
    return List.of(sources(qualities), kinds(first.getKey(), first.getValue().report()));
  }

  private static TextTable sources(Map<PairMining, MiningQuality> qualities) {
    List<List<String>> rows = new ArrayList<>();
    qualities.forEach(
        (mining, quality) -> {
          MiningReport report = quality.report();
          rows.add(
              List.of(
                  mining.title(),
                  Integer.toString(report.usable()),
                  share(report.usableShare()),
                  share(report.priorShare()),
                  nats(report.meanDelta()),
                  nats(quality.meanDelta()),
                  nats(quality.meanDeltaFromFiles()),
                  share(quality.mistakenShare())));
        });
    return new TextTable(
        "Negatives by source",
        "Usable: the right answer became less probable and the model's own answer differs from it."
            + " The last changes of log-prob are those of the first "
            + qualities.values().iterator().next().readAgain()
            + " pairs, as mined and as measured anew from their PNG files.",
        List.of(
            "source",
            "pairs",
            "usable",
            "said to a blank image too",
            "log-prob, all tried",
            "log-prob, pairs",
            "from files",
            "chosen wrong"),
        rows);
  }

  private static TextTable kinds(PairMining mining, MiningReport report) {
    List<String> columns = new ArrayList<>(List.of("quantity", "all kinds"));
    TreeSet<String> kinds = new TreeSet<>(report.usableByKind().keySet());
    columns.addAll(kinds);
    List<String> usable = new ArrayList<>(List.of("usable pairs", report.usable() + ""));
    List<String> prior =
        new ArrayList<>(List.of("answers equal to the blind answer", share(report.priorShare())));
    for (String kind : kinds) {
      usable.add(report.usableByKind().get(kind) + "");
      prior.add(share(report.priorShareByKind().getOrDefault(kind, Double.NaN)));
    }
    return new TextTable(
        mining.title() + " negatives by kind of question",
        report.samples() + " samples tried. Left out: " + reasons(report) + ".",
        columns,
        List.of(usable, prior));
  }

  private static String reasons(MiningReport report) {
    return report.droppedByReason().entrySet().stream()
        .map(
            entry ->
                entry.getKey().toString().toLowerCase(Locale.ROOT).replace('_', ' ')
                    + " "
                    + entry.getValue())
        .collect(Collectors.joining(", "));
  }

  private static String share(double value) {
    return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%.1f %%", 100 * value);
  }

  private static String nats(double value) {
    return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%.2f", value);
  }
}
