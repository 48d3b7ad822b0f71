package org.equipoise.mbpo.report;

import static j2html.TagCreator.div;
import static j2html.TagCreator.each;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.li;
import static j2html.TagCreator.p;
import static j2html.TagCreator.span;
import static j2html.TagCreator.strong;
import static j2html.TagCreator.tag;
import static j2html.TagCreator.ul;
import static org.equipoise.mbpo.report.Numbers.coordinate;

import j2html.tags.DomContent;
import java.util.List;

/** The verdict of one table: a sentence, then each finding with its interval drawn beside zero. */
final class FindingsView {
  private static final double HALF_WIDTH = 100;

  private FindingsView() {}

  static DomContent of(ResultTable table) {
    List<Finding> findings = Finding.of(table);
    double scale =
        findings.stream()
            .mapToDouble(
                finding ->
                    Math.max(
                        Math.abs(finding.difference().low()),
                        Math.abs(finding.difference().high())))
            .max()
            .orElse(1);
    String best = BestMethods.sentence(table);
    return div(
            p(Finding.summary(table)).withClass("summary"),
            iff(!best.isEmpty(), p(best)),
            ul(each(findings, finding -> item(finding, scale == 0 ? 1 : scale)))
                .withClass("findings"))
        .withClass("verdict");
  }

  private static DomContent item(Finding finding, double scale) {
    int decimals = finding.metric().decimals();
    return li(
            strong(
                    span(ResultTableView.mark(finding.verdict())).attr("aria-hidden", "true"),
                    span(" " + finding.verdict().words()))
                .withClass("word " + ResultTableView.css(finding.verdict())),
            div(
                    span(finding.metric().meaning()).withClass("meaning"),
                    span(Numbers.plain(finding.reference().value(), decimals)
                            + " → "
                            + Numbers.plain(finding.subject().value(), decimals)
                            + ", difference "
                            + Numbers.signed(finding.difference().value(), decimals)
                            + " (95 % interval "
                            + Numbers.signedBounds(finding.difference(), decimals)
                            + ")")
                        .withClass("numbers"))
                .withClass("what"),
            strip(finding, scale))
        .withClass("finding");
  }

  /** The interval of the difference on a line with zero in the middle; good is always right. */
  private static DomContent strip(Finding finding, double scale) {
    double side = finding.metric().better() == Metric.Direction.LOWER ? -1 : 1;
    double factor = side * HALF_WIDTH * 0.94 / scale;
    double first = finding.difference().low() * factor;
    double second = finding.difference().high() * factor;
    double left = Math.min(first, second);
    double right = Math.max(first, second);
    return tag("svg")
        .withClass("strip " + ResultTableView.css(finding.verdict()))
        .attr("viewBox", "-100 -14 200 28")
        .attr("aria-hidden", "true")
        .with(
            SvgLineChart.line("base", -HALF_WIDTH, 0, HALF_WIDTH, 0),
            SvgLineChart.line("zero", 0, -12, 0, 12),
            tag("rect")
                .withClass("range")
                .attr("x", coordinate(left))
                .attr("y", "-5")
                .attr("width", coordinate(Math.max(1.5, right - left)))
                .attr("height", "10")
                .attr("rx", "5"),
            tag("circle")
                .withClass("point")
                .attr("cx", coordinate(finding.difference().value() * factor))
                .attr("cy", "0")
                .attr("r", "4"));
  }
}
