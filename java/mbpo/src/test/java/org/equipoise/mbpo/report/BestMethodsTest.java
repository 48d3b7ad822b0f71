package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BestMethodsTest {
  private static final List<Metric> METRICS =
      List.of(
          Metric.higherIsBetter("auc", "AUC", "a").withHeadline(true),
          Metric.lowerIsBetter("chair", "CHAIR", "b").withHeadline(true),
          Metric.shown("length", "length", "c").withHeadline(true),
          Metric.higherIsBetter("recall", "recall", "d").withHeadline(true),
          Metric.higherIsBetter("f1", "F1", "not spoken about"));

  private static ResultTable.Row row(String method, Double... values) {
    Map<String, Measurement> cells = new HashMap<>();
    for (int i = 0; i < values.length; i++) {
      if (values[i] != null) {
        cells.put(METRICS.get(i).id(), new Measurement(Interval.of(values[i]), null));
      }
    }
    return new ResultTable.Row(method, "", cells);
  }

  private static ResultTable table(ResultTable.Row... rows) {
    return new ResultTable("t", "", "start", null, METRICS, List.of(rows));
  }

  @Test
  void namesEveryMeasureOfEveryBestMethod() {
    ResultTable table =
        table(
            row("start", 0.5, 0.3, 9.0, 0.70001, 0.9),
            row("a", 0.7, 0.2, 1.0, 0.6, 0.1),
            row("b", 0.6, 0.1, 1.0, 0.7, 0.1),
            row("c", 0.4, null, 1.0, null, 0.1));
    assertEquals(
        "Best of 4 methods: start in recall; a in AUC; b in CHAIR and recall.",
        BestMethods.sentence(table));
    assertEquals(
        Map.of("auc", 0.7, "chair", 0.1, "recall", 0.70001, "f1", 0.9), BestMethods.values(table));
  }

  @Test
  void twoMethodsNeedNoSuchSentence() {
    assertEquals("", BestMethods.sentence(table(row("start", 0.5), row("a", 0.7))));
  }
}
