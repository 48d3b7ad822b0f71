package org.equipoise.benchmarks;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.text.DecimalFormat;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.jfree.chart.ChartFactory;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.labels.StandardCategoryItemLabelGenerator;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.data.category.DefaultCategoryDataset;

/** The ratios to the best peer as bars: time above, memory below where it was measured. */
final class ComparisonChart {
  private static final int WIDTH = 1100;
  private static final int HEIGHT_PER_BAR = 24;
  private static final int HEIGHT_OF_FRAME = 110;

  private ComparisonChart() {}

  static void write(List<Comparison> comparisons, Path png) throws IOException {
    List<JFreeChart> charts = new ArrayList<>();
    List<Integer> heights = new ArrayList<>();
    for (String metric : List.of("time", "memory")) {
      List<Comparison> rows = comparisons.stream().filter(c -> c.metric().equals(metric)).toList();
      if (!rows.isEmpty()) {
        charts.add(chart(rows, metric));
        heights.add(HEIGHT_OF_FRAME + HEIGHT_PER_BAR * rows.size());
      }
    }
    int height = heights.stream().mapToInt(Integer::intValue).sum();
    BufferedImage image = new BufferedImage(WIDTH, Math.max(1, height), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    int top = 0;
    for (int i = 0; i < charts.size(); i++) {
      charts.get(i).draw(graphics, new Rectangle2D.Double(0, top, WIDTH, heights.get(i)));
      top += heights.get(i);
    }
    graphics.dispose();
    ImageIO.write(image, "png", png.toFile());
  }

  private static JFreeChart chart(List<Comparison> rows, String metric) {
    DefaultCategoryDataset ratios = new DefaultCategoryDataset();
    for (Comparison row : rows) {
      String name = row.name() + "  " + row.parameters().replace(';', ' ');
      ratios.addValue(row.ratio(), "ratio", name);
    }
    JFreeChart chart =
        ChartFactory.createBarChart(
            metric.equals("time")
                ? "Equipoise: times faster than the fastest peer"
                : "Equipoise: times less extra memory than the smallest peer",
            null,
            null,
            ratios,
            PlotOrientation.HORIZONTAL,
            false,
            false,
            false);
    chart.setBackgroundPaint(Color.WHITE);
    CategoryPlot plot = chart.getCategoryPlot();
    plot.setBackgroundPaint(Color.WHITE);
    plot.setRangeGridlinePaint(Color.LIGHT_GRAY);
    plot.getDomainAxis().setMaximumCategoryLabelWidthRatio(0.6f);
    LogAxis axis = new LogAxis();
    axis.setSmallestValue(0.1);
    axis.setUpperMargin(0.08);
    axis.setBase(2);
    axis.setTickUnit(new NumberTickUnit(1));
    axis.setNumberFormatOverride(new DecimalFormat("0.##x"));
    plot.setRangeAxis(axis);
    BarRenderer bars = (BarRenderer) plot.getRenderer();
    bars.setBarPainter(new StandardBarPainter());
    bars.setShadowVisible(false);
    bars.setSeriesPaint(0, new Color(0x2f6f9f));
    bars.setBase(1);
    bars.setDefaultItemLabelGenerator(
        new StandardCategoryItemLabelGenerator("{2}x", new DecimalFormat("0.0")));
    bars.setDefaultItemLabelsVisible(true);
    return chart;
  }
}
