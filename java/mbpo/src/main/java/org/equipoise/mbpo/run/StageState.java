package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;

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
    StageMarkers.Recorded recorded = folder.recorded(stage.id());
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

  /**
   * Makes the stage's folder ready for its work.
   *
   * @return sentences on files that were kept elsewhere
   */
  List<String> prepare(RunFolder folder) {
    StageFolder files = folder.stageFolder(stage.id());
    files.requireOwn(folder.recordedFiles(stage.id()));
    List<String> said = new ArrayList<>();
    if (action == Action.BEGIN) {
      changed(files, folder).forEach(name -> said.add(files.setAside(name, false)));
      folder.begin(stage.id(), marker);
    } else {
      files.deleteUnfinished();
      // Before the stage counts as unfinished, so that a process that dies here leaves none behind.
      for (String name : damaged.keySet()) {
        boolean stays = stage.checks(name);
        if (isFilled(files.path().resolve(name))) {
          said.add(files.setAside(name, stays));
        } else if (!stays) {
          AtomicFiles.delete(files.path().resolve(name));
        }
      }
      folder.resume(stage.id(), marker);
    }
    return said;
  }

  /** Outputs of a finished stage that somebody worked on before it begins anew. */
  private static List<String> changed(StageFolder files, RunFolder folder) {
    StageMarker recorded = folder.recorded(files.stageId()).marker();
    if (recorded == null || !recorded.finished()) {
      return List.of();
    }
    return StageFiles.damaged(files.path(), recorded.files()).keySet().stream()
        .filter(name -> isFilled(files.path().resolve(name)))
        .toList();
  }

  private static boolean isFilled(Path file) {
    try {
      return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Files.size(file) > 0;
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }
}
