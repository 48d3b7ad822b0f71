package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SettingGroupTest {
  private record Inner(double learningRate, int warmUpSteps, TimeUnit unit) {}

  private record Outer(double epsilon, Inner optimizer, String name, double floor) {}

  @Test
  void optionRecordsBecomeSettingsInWords() {
    Outer options =
        new Outer(16 / 255.0, new Inner(1e-6, 20, TimeUnit.SECONDS), "x", Double.NEGATIVE_INFINITY);
    assertEquals(
        List.of(
            Setting.of("epsilon", "0.0627451"),
            Setting.of("optimizer, learning rate", "0.000001"),
            Setting.of("optimizer, warm up steps", "20"),
            Setting.of("optimizer, unit", "seconds"),
            Setting.of("name", "x"),
            Setting.of("floor", "-Infinity")),
        SettingGroup.of("t", options).settings());
  }
}
