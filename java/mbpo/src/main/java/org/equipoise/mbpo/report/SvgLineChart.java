package org.equipoise.mbpo.report;

import static j2html.TagCreator.each;
import static j2html.TagCreator.figcaption;
import static j2html.TagCreator.figure;
import static j2html.TagCreator.h3;
import static j2html.TagCreator.li;
import static j2html.TagCreator.p;
import static j2html.TagCreator.tag;
import static j2html.TagCreator.ul;
import static org.equipoise.mbpo.report.Numbers.coordinate;

import j2html.tags.ContainerTag;
import j2html.tags.DomContent;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Draws a {@link LineChart} as inline SVG. Colours, dashes and text sizes are CSS classes, so that
 * one picture serves light and dark pages and print; a chart library would bake them in and need
 * the machine's fonts.
 */
final class SvgLineChart {
  private static final int WIDTH = 480;
  private static final int LEFT = 60;
  private static final int RIGHT = 20;
  private static final int TOP = 10;
  private static final int BOTTOM = 46;
  private static final int STYLES = 8;

  private final LineChart chart;
  private final boolean unitSquare;
  private final int height;
  private final Axis x;
  private final Axis y;

  private SvgLineChart(LineChart chart) {
    this.chart = chart;
    this.unitSquare = chart.frame() == LineChart.Frame.UNIT_SQUARE;
    this.height = unitSquare ? WIDTH - LEFT - RIGHT + TOP + BOTTOM : 300;
    this.x = unitSquare ? new Axis(0, 1) : Axis.fitted(chart.series(), LineChart.Series::x);
    this.y = unitSquare ? new Axis(0, 1) : Axis.fitted(chart.series(), LineChart.Series::y);
  }

  static DomContent of(LineChart chart) {
    return new SvgLineChart(chart).render();
  }

  private DomContent render() {
    ContainerTag<?> svg =
        tag("svg")
            .withClass("chart")
            .attr("viewBox", "0 0 " + WIDTH + " " + height)
            .attr("role", "img")
            .attr("aria-label", chart.title() + ". " + chart.description());
    List<Double> xTicks = x.ticks();
    List<Double> yTicks = y.ticks();
    xTicks.forEach(tick -> svg.with(line("grid", px(tick), TOP, px(tick), bottom())));
    yTicks.forEach(tick -> svg.with(line("grid", LEFT, py(tick), right(), py(tick))));
    if (unitSquare) {
      svg.with(line("chance", px(0), py(0), px(1), py(1)));
    }
    xTicks.forEach(
        tick ->
            svg.with(text("tick", px(tick), bottom() + 16, "middle", Axis.label(tick, xTicks))));
    yTicks.forEach(
        tick -> svg.with(text("tick", LEFT - 7, py(tick) + 4, "end", Axis.label(tick, yTicks))));
    svg.with(text("axis", (LEFT + right()) / 2.0, height - 8, "middle", chart.xLabel()));
    svg.with(
        text("axis", 0, 0, "middle", chart.yLabel())
            .attr(
                "transform",
                "translate(13 " + coordinate((TOP + bottom()) / 2.0) + ") rotate(-90)"));
    for (int i = chart.series().size() - 1; i >= 0; i--) {
      svg.with(
          tag("polyline")
              .withClass("line s" + i % STYLES)
              .attr("points", points(chart.series().get(i))));
    }
    return figure(
            h3(chart.title()),
            svg,
            ul(each(
                    IntStream.range(0, chart.series().size()).boxed().toList(),
                    i -> li(swatch(i), tag("span").withText(chart.series().get(i).name()))))
                .withClass("legend"),
            figcaption(p(chart.description())))
        .withClass("figure");
  }

  /** Points closer than 0.7 px to the last one drawn are left out: nobody can see them. */
  private String points(LineChart.Series series) {
    StringBuilder points = new StringBuilder();
    double lastX = Double.NEGATIVE_INFINITY;
    double lastY = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < series.x().length; i++) {
      double pointX = px(series.x()[i]);
      double pointY = py(series.y()[i]);
      boolean visible = Math.hypot(pointX - lastX, pointY - lastY) >= 0.7;
      if (Double.isFinite(pointX)
          && Double.isFinite(pointY)
          && (visible || i == series.x().length - 1)) {
        points.append(coordinate(pointX)).append(',').append(coordinate(pointY)).append(' ');
        lastX = pointX;
        lastY = pointY;
      }
    }
    return points.toString().strip();
  }

  private static DomContent swatch(int index) {
    return tag("svg")
        .withClass("swatch")
        .attr("viewBox", "0 0 28 8")
        .attr("aria-hidden", "true")
        .with(line("line s" + index % STYLES, 1, 4, 27, 4));
  }

  private double px(double value) {
    return LEFT + x.share(value) * (right() - LEFT);
  }

  private double py(double value) {
    return bottom() - y.share(value) * (bottom() - TOP);
  }

  private int right() {
    return WIDTH - RIGHT;
  }

  private int bottom() {
    return height - BOTTOM;
  }

  static ContainerTag<?> line(String css, double x1, double y1, double x2, double y2) {
    return tag("line")
        .withClass(css)
        .attr("x1", coordinate(x1))
        .attr("y1", coordinate(y1))
        .attr("x2", coordinate(x2))
        .attr("y2", coordinate(y2));
  }

  private static ContainerTag<?> text(String css, double x, double y, String anchor, String text) {
    return tag("text")
        .withClass(css)
        .attr("x", coordinate(x))
        .attr("y", coordinate(y))
        .attr("text-anchor", anchor)
        .withText(text);
  }

  /** A linear axis with round ticks. */
  private record Axis(double low, double high) {

    static Axis fitted(
        List<LineChart.Series> series,
        java.util.function.Function<LineChart.Series, double[]> values) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (LineChart.Series line : series) {
        for (double value : values.apply(line)) {
          if (Double.isFinite(value)) {
            low = Math.min(low, value);
            high = Math.max(high, value);
          }
        }
      }
      if (low > high) {
        return new Axis(0, 1);
      }
      if (low == high) {
        double margin = Math.max(1e-6, Math.abs(low) * 0.1);
        return new Axis(low - margin, high + margin);
      }
      double step = step(low, high);
      return new Axis(Math.floor(low / step) * step, Math.ceil(high / step) * step);
    }

    double share(double value) {
      return (value - low) / (high - low);
    }

    List<Double> ticks() {
      double step = step(low, high);
      List<Double> ticks = new ArrayList<>();
      for (long i = (long) Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
        ticks.add(i * step);
      }
      return ticks;
    }

    /** The one of 1, 2, 5 times a power of ten that gives four to eight intervals. */
    private static double step(double low, double high) {
      double rough = (high - low) / 5;
      double power = Math.pow(10, Math.floor(Math.log10(rough)));
      double lead = rough / power;
      return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
    }

    static String label(double tick, List<Double> ticks) {
      double step = ticks.size() > 1 ? ticks.get(1) - ticks.get(0) : 1;
      int decimals = (int) Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
      return decimals > 6
          ? String.format(Locale.ROOT, "%.1e", tick)
          : Numbers.plain(tick, decimals);
    }
  }
}
