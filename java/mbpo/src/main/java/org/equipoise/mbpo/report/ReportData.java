package org.equipoise.mbpo.report;

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
    @Nullable Precomputed precomputed) {

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

  public static Builder builder(String title, String summary) {
    return new Builder(title, summary);
  }

  /** Collects the sections, each of them optional, in any order. Not thread-safe. */
  public static final class Builder {
    private final String title;
    private final String summary;
    private String caveat = "";
    private List<ResultTable> results = List.of();
    private List<TextTable> details = List.of();
    private List<LineChart> rankingCurves = List.of();
    private List<LineChart> trainingCurves = List.of();
    private List<TextTable> mining = List.of();
    private List<GalleryItem> gallery = List.of();
    private List<String> limits = List.of();
    private List<SettingGroup> settings = List.of();
    private SettingGroup environment = new SettingGroup("Environment", List.of());
    private @Nullable Precomputed precomputed;

    private Builder(String title, String summary) {
      this.title = title;
      this.summary = summary;
    }

    public Builder caveat(String caveat) {
      this.caveat = caveat;
      return this;
    }

    public Builder results(List<ResultTable> results) {
      this.results = results;
      return this;
    }

    public Builder details(List<TextTable> details) {
      this.details = details;
      return this;
    }

    public Builder rankingCurves(List<LineChart> rankingCurves) {
      this.rankingCurves = rankingCurves;
      return this;
    }

    public Builder trainingCurves(List<LineChart> trainingCurves) {
      this.trainingCurves = trainingCurves;
      return this;
    }

    public Builder mining(List<TextTable> mining) {
      this.mining = mining;
      return this;
    }

    public Builder gallery(List<GalleryItem> gallery) {
      this.gallery = gallery;
      return this;
    }

    public Builder limits(List<String> limits) {
      this.limits = limits;
      return this;
    }

    public Builder settings(List<SettingGroup> settings) {
      this.settings = settings;
      return this;
    }

    public Builder environment(List<Setting> values) {
      this.environment = new SettingGroup("Environment", values);
      return this;
    }

    public Builder precomputed(Precomputed precomputed) {
      this.precomputed = precomputed;
      return this;
    }

    public ReportData build() {
      return new ReportData(
          title,
          summary,
          caveat,
          results,
          details,
          rankingCurves,
          trainingCurves,
          mining,
          gallery,
          limits,
          settings,
          environment,
          precomputed);
    }
  }
}
