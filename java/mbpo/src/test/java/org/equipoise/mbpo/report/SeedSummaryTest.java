package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SeedSummaryTest {
  @Test
  void meanAndStudentInterval() {
    ResultTable table =
        SeedSummary.of("Commit 0123abc.", List.of(run(.80, .90), run(.82, .94), run(.84, .92)))
            .get(0);
    Measurement subject = table.row("MBPO").cells().get("m");
    // differences .10, .12, .08: mean .10, s = .02, t(.975, 2) = 4.302653 (any table of t)
    assertEquals(.10, subject.difference().value(), 1e-12);
    assertEquals(.10 - 4.302653 * .02 / Math.sqrt(3), subject.difference().low(), 1e-7);
    assertEquals(.10 + 4.302653 * .02 / Math.sqrt(3), subject.difference().high(), 1e-7);
    assertEquals(.92, subject.value().value(), 1e-12);
    assertEquals(
        "Mean over 3 seeds with Student-t 95 % intervals over seeds. Commit 0123abc.",
        table.note());
    assertNull(table.row("start").cells().get("m").difference());
  }

  @Test
  void refusesOneRunAndRunsThatDoNotMatch() {
    assertThrows(
        IllegalArgumentException.class,
        () -> SeedSummary.of("Commit 0123abc.", List.of(run(.8, .9))));
    List<ResultTable> other = List.of(SampleReport.table("Another"));
    assertThrows(
        IllegalArgumentException.class,
        () -> SeedSummary.of("Commit 0123abc.", List.of(run(.8, .9), other)));
  }

  private static List<ResultTable> run(double before, double after) {
    Metric metric = Metric.higherIsBetter("m", "m", "m").withHeadline(true);
    return List.of(
        new ResultTable(
            "t",
            "",
            "start",
            "MBPO",
            List.of(metric),
            List.of(
                new ResultTable.Row(
                    "start", "", Map.of("m", new Measurement(Interval.of(before), null))),
                new ResultTable.Row(
                    "MBPO",
                    "",
                    Map.of(
                        "m", new Measurement(Interval.of(after), Interval.of(after - before)))))));
  }
}
