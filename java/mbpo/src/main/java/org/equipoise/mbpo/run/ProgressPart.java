package org.equipoise.mbpo.run;

/** Maps one job's progress into a part of a stage's. */
final class ProgressPart implements Progress {
  private final StageContext stage;
  private final double from;
  private final double to;
  private String task = "";
  private long total = 1;

  ProgressPart(StageContext stage, double from, double to) {
    this.stage = stage;
    this.from = from;
    this.to = to;
  }

  @Override
  public void begin(String name, long units) {
    task = name;
    total = Math.max(1, units);
    update(0);
  }

  @Override
  public void update(long done) {
    stage.stopIfCancelled();
    stage.progress(from + (to - from) * Math.min(1.0, (double) done / total), task);
  }

  @Override
  public void notice(String sentence) {
    stage.notice(sentence);
  }

  @Override
  public void close() {
    stage.progress(to, task);
  }
}
