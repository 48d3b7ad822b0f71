package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RunEstimateTest {
  private final AtomicLong nanos = new AtomicLong();
  private final Stage data = stage("data", 10);
  private final Stage left = stage("left", 40).after("data");
  private final Stage right = stage("right", 20).after("data");
  private final Stage report = stage("report", 5).after("left", "right");

  private static Stage stage(String id, double weight) {
    return Stage.of(id, c -> {}).withWeight(weight);
  }

  private RunEstimate estimate(int workers) {
    return new RunEstimate(List.of(data, left, right, report), workers, nanos::get);
  }

  private void pass(double seconds) {
    nanos.addAndGet((long) (seconds * 1e9));
  }

  @Test
  void weightsAreSecondsUntilSomethingIsKnown() {
    assertEquals(75, estimate(1).remainingSeconds(), 1e-9);
    assertEquals(55, estimate(2).remainingSeconds(), 1e-9, "left and right side by side");
    assertEquals(0, estimate(1).fraction(), 1e-9);
  }

  @Test
  void paceOfFinishedStagesScalesTheRest() {
    RunEstimate estimate = estimate(2);
    estimate.started(data);
    pass(20);
    estimate.finished(data);
    assertEquals(2 * 45, estimate.remainingSeconds(), 1e-9);
    assertEquals(10.0 / 75, estimate.fraction(), 1e-9);
  }

  @Test
  void runningStageGoesOnAtItsOwnSpeed() {
    RunEstimate estimate = estimate(2);
    estimate.skipped(data);
    estimate.started(left);
    estimate.started(right);
    estimate.progressed(left, 0);
    estimate.progressed(right, 0);
    pass(30);
    estimate.progressed(left, 0.25);
    estimate.progressed(right, 0.75);
    // left: 90 s to go; pace = 60 s / (10 + 15), so the report takes 5 * 2.4 = 12 s after it.
    assertEquals(90 + 12, estimate.remainingSeconds(), 1e-9);
    assertEquals((10 + 10 + 15) / 75.0, estimate.fraction(), 1e-9);
  }

  @Test
  void whatAResumedStageFindsDoneSaysNothingAboutItsSpeed() {
    RunEstimate estimate = estimate(1);
    estimate.skipped(data);
    estimate.started(left);
    estimate.progressed(left, 0.5);
    pass(10);
    estimate.progressed(left, 0.6);
    // 10 s for a tenth: 40 s to go; pace = 10 / 4 for the other two stages.
    assertEquals(40 + 2.5 * 25, estimate.remainingSeconds(), 1e-9);
  }

  @Test
  void nothingLeft() {
    RunEstimate estimate = estimate(2);
    for (Stage stage : List.of(data, left, right, report)) {
      estimate.skipped(stage);
    }
    assertEquals(0, estimate.remainingSeconds());
    assertEquals(1, estimate.fraction());
  }
}
