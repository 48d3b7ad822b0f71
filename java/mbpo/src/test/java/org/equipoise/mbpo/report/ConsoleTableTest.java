package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ConsoleTableTest {
  private static final ResultTable TABLE =
      new ResultTable(
          "Trained pairs",
          "",
          "start",
          "MBPO with blind-contrast decoding",
          List.of(
              Metric.higherIsBetter("a", "AUC, trap questions", "a").withHeadline(true),
              Metric.lowerIsBetter("c", "CHAIR s", "c").withHeadline(true),
              Metric.shown("y", "Yes-ratio", "y").withDecimals(2).withHeadline(true),
              Metric.shown("z", "no headline", "z")),
          List.of(
              new ResultTable.Row(
                  "start",
                  "",
                  Map.of("a", cell(.838, null), "c", cell(.623, null), "y", cell(.7, null))),
              new ResultTable.Row(
                  "MBPO with blind-contrast decoding",
                  "",
                  Map.of(
                      "a",
                      cell(-.944, new Interval(.1, .05, .15)),
                      "c",
                      cell(.6, new Interval(0, -.1, .1))))));

  @Test
  void columnsLineUpAndMarksStandBehindValues() {
    assertEquals(
        """
        Trained pairs
                                         AUC,
                                         trap
                                    questions    CHAIR s    Yes-ratio
        start                           0.838      0.623         0.70
        MBPO with blind-contrast       −0.944 ▲    0.600 ≈          –
          decoding
        ▲ better, ▼ worse, ≈ no clear difference: 95 % interval of the paired difference with start
        """,
        ConsoleTable.render(TABLE, StandardCharsets.UTF_8));
  }

  /** A letter of Chinese takes two columns, an accent none, and no name takes a screen. */
  @Test
  void columnsLineUpBehindWideAndLongNames() {
    Metric metric = Metric.shown("a", "AUC", "a").withHeadline(true);
    List<ResultTable.Row> rows =
        Stream.of("start", "偏好优化", "cafe\u0301", "e\u001b[2J\u202e", "x".repeat(5000))
            .map(name -> new ResultTable.Row(name, "", Map.of("a", cell(.5, null))))
            .toList();
    ResultTable table = new ResultTable("t", "", "start", null, List.of(metric), rows);
    List<String> lines =
        ConsoleTable.render(table, StandardCharsets.UTF_8).lines().skip(2).limit(6).toList();
    int[] columns = {5, 8, 4, 16};
    for (int i = 0; i < columns.length; i++) {
      String name = lines.get(i).split(" ")[0];
      int blanks = lines.get(i).indexOf("0.500") - name.length();
      assertEquals(lines.get(0).indexOf("0.500"), columns[i] + blanks, lines.get(i));
    }
    assertEquals("e\\u001b[2J\\u202e", lines.get(3).split(" ")[0]);
    assertTrue(lines.get(4).startsWith("x".repeat(60) + "..."), lines.get(4));
    assertTrue(lines.get(4).length() < 100, lines.get(4));
    assertEquals("  (5000 characters)", lines.get(5));
  }

  @Test
  void plainCharactersWhereTheTerminalHasNoOthers() {
    String text = ConsoleTable.render(TABLE, StandardCharsets.US_ASCII);
    assertEquals(
        text, new String(text.getBytes(StandardCharsets.US_ASCII), StandardCharsets.US_ASCII));
    assertEquals(
        "MBPO with blind-contrast       -0.944 +    0.600 =          -",
        text.lines().toList().get(5));
  }

  private static Measurement cell(double value, Interval difference) {
    return new Measurement(Interval.of(value), difference);
  }
}
