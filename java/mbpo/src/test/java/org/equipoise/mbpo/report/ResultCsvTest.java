package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultCsvTest {
  @Test
  void whatIsWrittenIsReadBack() {
    List<ResultTable> tables =
        List.of(SampleReport.table("Trained, \"quoted\" pairs"), SampleReport.table("Held-out"));
    assertEquals(tables, ResultCsv.parse("results.csv", ResultCsv.format(tables)));
  }

  @Test
  void missingCellsBoundsSubjectAndValuesSurvive() {
    Metric metric = Metric.lowerIsBetter("m", "m", "m").withDecimals(1);
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

  /** As methods, notes and labels may be called in a file of somebody else's. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "=HYPERLINK(\"http://x\",\"y\")",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "＝1+1",
        "'quoted'",
        "'=1+1",
        "a, \"b\"; c",
        "two\nlines",
        "-0.5"
      })
  void textsThatASpreadsheetWouldRunAreReadBackExactly(String text) {
    Metric metric = Metric.lowerIsBetter("m", text, text);
    Measurement cell = new Measurement(Interval.of(-0.5), null);
    ResultTable table =
        new ResultTable(
            text,
            text,
            text,
            text,
            List.of(metric),
            List.of(new ResultTable.Row(text, text, Map.of("m", cell))));
    String csv = ResultCsv.format(List.of(table));
    assertEquals(List.of(table), ResultCsv.parse("x", csv));
    assertFalse(csv.matches("(?s).*[,\n]\"?[=+@＝].*"), csv);
    assertTrue(csv.contains(",-0.5,"), "numbers stay numbers: " + csv);
    assertTrue(text.equals("-0.5") || !csv.matches("(?s).*[,\n]\"?-[^0].*"), csv);
  }

  @Test
  void controlCharactersAreShownAndStayShown() {
    ResultTable table = SampleReport.table("t\u001b[2J\u0000");
    String csv = ResultCsv.format(List.of(table));
    assertTrue(csv.contains("t\\u001b[2J\\u0000"), csv);
    List<ResultTable> read = ResultCsv.parse("x", csv);
    assertEquals(csv, ResultCsv.format(read));
  }

  @Test
  void noFileAsksForMoreDigitsThanThereAre() {
    String csv = ResultCsv.format(List.of(SampleReport.table("t")));
    String broken = csv.replaceFirst(",3,true", ",2000000000,true");
    var error =
        assertThrows(IllegalArgumentException.class, () -> ResultCsv.parse("five.csv", broken));
    assertTrue(error.getMessage().contains("expected 0 to 17 decimals"), error.getMessage());
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
