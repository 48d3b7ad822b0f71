package org.equipoise.mbpo.report;

import static j2html.TagCreator.caption;
import static j2html.TagCreator.details;
import static j2html.TagCreator.div;
import static j2html.TagCreator.each;
import static j2html.TagCreator.h3;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.p;
import static j2html.TagCreator.span;
import static j2html.TagCreator.summary;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.th;
import static j2html.TagCreator.thead;
import static j2html.TagCreator.tr;

import j2html.tags.DomContent;
import j2html.tags.specialized.TbodyTag;
import j2html.tags.specialized.TdTag;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A {@link ResultTable} or {@link TextTable} as an HTML table that scrolls sideways on a phone. */
final class ResultTableView {
  private ResultTableView() {}

  /** The headline metrics, and behind a fold all of them. */
  static DomContent of(ResultTable table) {
    ResultTable headlines = table.headlines();
    int all = table.metrics().size();
    return div(
            h3(table.title()),
            iff(!table.note().isEmpty(), p(table.note()).withClass("note")),
            scrolling(table.title(), grid(headlines)),
            iff(
                headlines.metrics().size() < all,
                details(
                    summary("All " + all + " measures"),
                    scrolling(table.title() + ", all measures", grid(table)))))
        .withClass("table-block");
  }

  private static DomContent grid(ResultTable table) {
    Map<String, Double> best = BestMethods.values(table);
    TbodyTag body = tbody();
    String kind = "";
    for (ResultTable.Row row : table.rows()) {
      if (!row.kind().equals(kind)) {
        kind = row.kind();
        body.with(
            tr(th(span(kind)).attr("colspan", table.metrics().size() + 1).attr("scope", "rowgroup"))
                .withClass("kind"));
      }
      body.with(
          tr(th(row.method()).attr("scope", "row"))
              .with(each(table.metrics(), metric -> cell(row, metric, best.get(metric.id()))))
              .withClass(row.method().equals(table.subject()) ? "subject" : ""));
    }
    return table(
        caption(
                table.title()
                    + ": methods in rows, measures in columns, each with its 95 % interval and its"
                    + " paired difference with "
                    + table.reference())
            .withClass("unseen"),
        thead(
            tr(th("Method").attr("scope", "col"))
                .with(
                    each(
                        table.metrics(),
                        metric ->
                            th(span(metric.label()), span(arrow(metric)).withClass("way"))
                                .attr("scope", "col")
                                .withTitle(metric.meaning())))),
        body);
  }

  static DomContent of(TextTable table) {
    return div(
            h3(table.title()),
            iff(!table.note().isEmpty(), p(table.note()).withClass("note")),
            scrolling(
                table.title(),
                table(
                        caption(table.title()).withClass("unseen"),
                        thead(tr(each(table.columns(), column -> th(column).attr("scope", "col")))),
                        tbody(
                            each(
                                table.rows(),
                                row ->
                                    tr(th(row.get(0)).attr("scope", "row"))
                                        .with(each(row.subList(1, row.size()), text -> td(text))))))
                    .withClass("text")))
        .withClass("table-block");
  }

  private static DomContent scrolling(String title, DomContent content) {
    return div(content)
        .withClass("scroll")
        .attr("role", "region")
        .attr("aria-label", title)
        .attr("tabindex", 0);
  }

  private static TdTag cell(ResultTable.Row row, Metric metric, @Nullable Double best) {
    Measurement measured = row.cells().get(metric.id());
    if (measured == null) {
      return td(Numbers.MISSING);
    }
    int decimals = metric.decimals();
    Interval value = measured.value();
    Interval difference = measured.difference();
    Verdict verdict = Verdict.of(metric.better(), difference);
    return td(
        span(Numbers.plain(value.value(), decimals))
            .withClass(best != null && value.value() == best ? "value best" : "value"),
        iff(value.hasBounds(), span(Numbers.bounds(value, decimals)).withClass("bounds")),
        iff(
            difference != null,
            difference == null
                ? null
                : span((verdict == null ? "" : mark(verdict) + " ")
                        + Numbers.signed(difference.value(), decimals))
                    .withClass("difference " + css(verdict))
                    .withTitle(title(verdict, difference, decimals))));
  }

  private static String title(@Nullable Verdict verdict, Interval difference, int decimals) {
    return (verdict == null ? "difference" : verdict.words())
        + (difference.hasBounds()
            ? ", 95 % interval of the difference " + Numbers.signedBounds(difference, decimals)
            : "");
  }

  static String mark(@Nullable Verdict verdict) {
    return switch (verdict) {
      case BETTER -> "▲";
      case WORSE -> "▼";
      case NO_CLEAR_DIFFERENCE -> "≈";
    };
  }

  static String css(@Nullable Verdict verdict) {
    return verdict == null ? "unjudged" : verdict.name().toLowerCase().replace('_', '-');
  }

  private static String arrow(Metric metric) {
    return switch (metric.better()) {
      case HIGHER -> "higher is better";
      case LOWER -> "lower is better";
      case NEITHER -> "not judged";
    };
  }
}
