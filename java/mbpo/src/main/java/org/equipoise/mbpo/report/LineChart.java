package org.equipoise.mbpo.report;

import java.util.List;

/**
 * A chart of lines: an ROC figure or training curves.
 *
 * @param title heading of the figure
 * @param description what a reader who cannot see it should know; also the caption
 * @param xLabel axis label with unit
 * @param yLabel axis label with unit
 * @param frame how the axes are laid out
 * @param series the lines; the first is drawn on top
 */
public record LineChart(
    String title,
    String description,
    String xLabel,
    String yLabel,
    Frame frame,
    List<Series> series) {

  /** How the axes are laid out. */
  public enum Frame {
    /** Both axes from 0 to 1, square, with the diagonal of chance. */
    UNIT_SQUARE,
    /** Axes fitted to the data. */
    FITTED
  }

  public LineChart {
    series = List.copyOf(series);
  }

  /**
   * One line. Points with a NaN are left out. Arrays are not copied: treat them as immutable.
   *
   * @param name legend entry, for example {@code "MBPO (AUC 0.944)"}
   * @param x ascending
   * @param y same length as x
   */
  public record Series(String name, double[] x, double[] y) {
    public Series {
      if (x.length != y.length) {
        throw new IllegalArgumentException(
            "series \"" + name + "\" has " + x.length + " x and " + y.length + " y values");
      }
    }
  }
}
