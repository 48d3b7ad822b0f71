package org.equipoise.mbpo.run;

import java.util.Map;
import org.equipoise.mbpo.storage.AtomicFiles;

/**
 * What is to be done for a stage, from what its run folder holds.
 *
 * @param marker of the stage as it is now asked for; the recorded one when it is finished
 * @param action what is to be done
 * @param reason why, as a sentence
 * @param damaged outputs that are no longer what was written, with what is wrong
 */
record StageState(
    Stage stage, StageMarker marker, Action action, String reason, Map<String, String> damaged) {

  private enum Action {
    NOTHING,
    GO_ON,
    BEGIN
  }

  /**
   * @param inputs fingerprint of each input stage's files
   */
  static StageState of(Stage stage, Map<String, String> inputs, RunFolder folder) {
    StageMarker wanted = StageMarker.begun(stage, inputs);
    RunFolder.Recorded recorded = folder.recorded(stage.id());
    StageMarker found = recorded.marker();
    if (recorded.trouble() != null) {
      boolean same = folder.wasBegunFor(stage.id(), wanted.fingerprint());
      return new StageState(
          stage,
          wanted,
          same ? Action.GO_ON : Action.BEGIN,
          recorded.trouble()
              + (same ? "; it goes on with what its folder holds" : "; it runs again"),
          Map.of());
    }
    if (found == null) {
      return begin(stage, wanted, "it has not run here before");
    }
    if (!found.fingerprint().equals(wanted.fingerprint())) {
      return begin(stage, wanted, Changes.describe(found, wanted));
    }
    if (!found.finished()) {
      return goOn(stage, wanted, "it was interrupted and goes on", Map.of());
    }
    Map<String, String> damaged = StageFiles.damaged(folder.stage(stage.id()), found.files());
    if (damaged.isEmpty()) {
      return new StageState(stage, found, Action.NOTHING, "", damaged);
    }
    Map.Entry<String, String> first = damaged.entrySet().iterator().next();
    String others = damaged.size() == 1 ? "" : " (and " + (damaged.size() - 1) + " files more)";
    return goOn(
        stage,
        wanted,
        folder.stage(stage.id()).resolve(first.getKey())
            + " "
            + first.getValue()
            + others
            + "; it goes on from what is whole",
        damaged);
  }

  private static StageState begin(Stage stage, StageMarker wanted, String reason) {
    return new StageState(stage, wanted, Action.BEGIN, reason, Map.of());
  }

  private static StageState goOn(
      Stage stage, StageMarker wanted, String reason, Map<String, String> damaged) {
    return new StageState(stage, wanted, Action.GO_ON, reason, damaged);
  }

  boolean isFinished() {
    return action == Action.NOTHING;
  }

  /** Makes the stage's folder ready for its work. */
  void prepare(RunFolder folder) {
    if (action == Action.BEGIN) {
      folder.begin(stage.id(), marker);
    } else {
      // Before the stage counts as unfinished, so that a process that dies here leaves none behind.
      for (String name : damaged.keySet()) {
        if (!stage.checks(name)) {
          AtomicFiles.deleteTree(folder.stage(stage.id()).resolve(name));
        }
      }
      folder.resume(stage.id(), marker);
    }
  }
}
