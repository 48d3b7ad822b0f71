package org.equipoise.mbpo.report;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything a report shows. Immutable; start from {@link #builder}. A section that stays empty is
 * left out of the report.
 *
 * @param title for example {@code "MBPO on composed emoji scenes"}
 * @param summary what was run, in two or three sentences for a stranger
 * @param caveat why this run claims nothing (a quick run), or empty; shown instead of verdicts
 * @param results judged tables; the verdict speaks about the headline metrics of each one's subject
 * @param details unjudged tables behind the results, for example accuracy by gold label
 * @param rankingCurves ROC figures
 * @param trainingCurves one figure per quantity
 * @param mining quality of the mined negatives
 * @param gallery mined examples
 * @param limits what the results do not show, one sentence each
 * @param settings hyper-parameters in groups
 * @param environment seed, machine, versions, wall time per stage, commit
 * @param precomputed results of other runs, or {@code null}
 */
@RecordBuilder
public record ReportData(
    String title,
    String summary,
    String caveat,
    List<ResultTable> results,
    List<TextTable> details,
    List<LineChart> rankingCurves,
    List<LineChart> trainingCurves,
    List<TextTable> mining,
    List<GalleryItem> gallery,
    List<String> limits,
    List<SettingGroup> settings,
    SettingGroup environment,
    @Nullable Precomputed precomputed)
    implements ReportDataBuilder.With {

  public ReportData {
    results = List.copyOf(results);
    details = List.copyOf(details);
    rankingCurves = List.copyOf(rankingCurves);
    trainingCurves = List.copyOf(trainingCurves);
    mining = List.copyOf(mining);
    gallery = List.copyOf(gallery);
    limits = List.copyOf(limits);
    settings = List.copyOf(settings);
  }

  /**
   * A report of which every other section is still empty; {@code build} of what is returned ends
   * it.
   */
  public static ReportDataBuilder builder(String title, String summary) {
    return new ReportData(
            title,
            summary,
            "",
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            SettingGroup.environment(List.of()),
            null)
        .with();
  }
}
