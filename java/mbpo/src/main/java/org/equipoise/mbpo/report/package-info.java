/**
 * Reports of a run: one self-contained HTML file, a console table and a Markdown table, all from
 * the same immutable records.
 *
 * <p>Start at {@link org.equipoise.mbpo.report.ReportData} (what goes in) and {@link
 * org.equipoise.mbpo.report.HtmlReport} (what comes out). Nothing here knows a model or a task.
 * Every verdict is computed from intervals by the one rule in {@link
 * org.equipoise.mbpo.report.Verdict}.
 */
@NullMarked
package org.equipoise.mbpo.report;

import org.jspecify.annotations.NullMarked;
