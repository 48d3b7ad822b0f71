package org.equipoise.mbpo.run;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Stages and what they read from each other. A stage may only read stages that stand before it, so
 * there are no cycles. Immutable.
 *
 * <p>Running skips what an earlier run finished with the same settings and inputs, resumes what it
 * left unfinished, and repeats what changed: a stage whose settings differ from those recorded, or
 * what its inputs wrote, loses the files that it wrote and is run again; {@link
 * RunListener#stageStarted} is told why. What somebody else has laid into its folder is refused
 * before any stage works, and what somebody changed in its outputs is kept elsewhere. Inputs count
 * by the contents of their files: a stage whose inputs ran again and gave the same is still
 * finished. A finished stage one of whose files is lost or damaged goes on from the others.
 */
public final class StageGraph {
  private final List<Stage> stages;

  private StageGraph(List<Stage> stages) {
    this.stages = List.copyOf(stages);
    Set<String> known = new LinkedHashSet<>();
    for (Stage stage : stages) {
      for (String input : stage.inputs()) {
        if (!known.contains(input)) {
          throw new IllegalArgumentException(
              "stage "
                  + stage.id()
                  + " reads stage "
                  + input
                  + ", which must stand before it; before it stand "
                  + known);
        }
      }
      if (!known.add(stage.id())) {
        throw new IllegalArgumentException("two stages are called " + stage.id());
      }
    }
  }

  public static StageGraph of(List<Stage> stages) {
    return new StageGraph(stages);
  }

  public static StageGraph of(Stage... stages) {
    return new StageGraph(List.of(stages));
  }

  public List<Stage> stages() {
    return stages;
  }

  /**
   * Brings every stage to its end.
   *
   * @return seconds that each stage's successful attempt took, in this run or an earlier one
   * @throws FailedStageException if a stage threw; the others were stopped first
   * @throws CancelledException if the options' question was answered with yes
   */
  public Map<String, Double> run(RunFolder folder, RunOptions options) {
    new StageRunner(this, folder, options).run();
    Map<String, Double> seconds = new LinkedHashMap<>();
    Map<String, Double> recorded = folder.recordedSeconds();
    stages.forEach(stage -> seconds.put(stage.id(), recorded.getOrDefault(stage.id(), Double.NaN)));
    return seconds;
  }
}
