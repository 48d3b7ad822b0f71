package org.equipoise.mbpo.report;

import java.util.ArrayList;
import java.util.List;

/**
 * What one headline metric says about a table's subject against its reference.
 *
 * @param table title of the table
 * @param reference value of the reference method
 * @param subject value of the subject
 * @param difference subject − reference, paired, with bounds
 */
public record Finding(
    String table,
    Metric metric,
    Interval reference,
    Interval subject,
    Interval difference,
    Verdict verdict) {

  /** The findings of a table, in the order of its metrics; empty when it has no subject. */
  public static List<Finding> of(ResultTable table) {
    List<Finding> findings = new ArrayList<>();
    if (table.subject() == null) {
      return findings;
    }
    ResultTable.Row subject = table.row(table.subject());
    ResultTable.Row reference = table.row(table.reference());
    for (Metric metric : table.metrics()) {
      Measurement after = subject.cells().get(metric.id());
      Measurement before = reference.cells().get(metric.id());
      if (!metric.headline() || after == null || before == null) {
        continue;
      }
      Verdict verdict = Verdict.of(metric.better(), after.difference());
      if (verdict != null) {
        findings.add(
            new Finding(
                table.title(), metric, before.value(), after.value(), after.difference(), verdict));
      }
    }
    return findings;
  }

  /**
   * All findings of a table in one sentence, for example {@code "Trained pairs: MBPO is better than
   * the start in 5 of 6 measures and worse in 0; in 1 there is no clear difference."}
   */
  public static String summary(ResultTable table) {
    List<Finding> findings = of(table);
    if (findings.isEmpty()) {
      return "";
    }
    return "%s: %s is better than %s in %d of %d measures and worse in %d; in %d there is no clear difference."
        .formatted(
            table.title(),
            table.subject(),
            table.reference(),
            count(findings, Verdict.BETTER),
            findings.size(),
            count(findings, Verdict.WORSE),
            count(findings, Verdict.NO_CLEAR_DIFFERENCE));
  }

  private static long count(List<Finding> findings, Verdict verdict) {
    return findings.stream().filter(finding -> finding.verdict() == verdict).count();
  }
}
