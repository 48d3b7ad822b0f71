package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ResultCsvTest {
  @Test
  void whatIsWrittenIsReadBack() {
    List<ResultTable> tables =
        List.of(SampleReport.table("Trained, \"quoted\" pairs"), SampleReport.table("Held-out"));
    assertEquals(tables, ResultCsv.parse("results.csv", ResultCsv.format(tables)));
  }

  @Test
  void missingCellsBoundsSubjectAndValuesSurvive() {
    Metric metric = Metric.lowerIsBetter("m", "m", "m").decimals(1);
    ResultTable table =
        new ResultTable(
            "t",
            "",
            "a",
            null,
            List.of(metric, SampleReport.YES),
            List.of(
                new ResultTable.Row(
                    "a",
                    "",
                    Map.of(
                        "m",
                        new Measurement(Interval.of(Double.NaN), null),
                        "yes_ratio",
                        new Measurement(Interval.of(1), null))),
                new ResultTable.Row(
                    "b", "", Map.of("m", new Measurement(Interval.of(1), Interval.of(2))))));
    assertEquals(List.of(table), ResultCsv.parse("x", ResultCsv.format(List.of(table))));
  }

  @Test
  void errorsNameFileAndLine() {
    String csv = ResultCsv.format(List.of(SampleReport.table("t")));
    String broken = csv.replaceFirst("0\\.838", "abc");
    var error =
        assertThrows(IllegalArgumentException.class, () -> ResultCsv.parse("five.csv", broken));
    assertTrue(error.getMessage().startsWith("five.csv:2: "), error.getMessage());
    var empty = assertThrows(IllegalArgumentException.class, () -> ResultCsv.parse("five.csv", ""));
    assertEquals("five.csv: no result tables in it", empty.getMessage());
  }
}
