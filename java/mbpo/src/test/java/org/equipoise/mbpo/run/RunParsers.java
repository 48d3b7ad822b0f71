package org.equipoise.mbpo.run;

import java.nio.file.Path;
import org.equipoise.mbpo.storage.AtomicFiles;

/** What opens a folder that a run has made, for fuzzing. */
public final class RunParsers {
  private RunParsers() {}

  /** The mark of a run's folder. */
  public static void mark(Path folder) {
    AtomicFiles.createDirectories(folder.resolve(".run"));
    AtomicFiles.writeUnsynced(folder.resolve(".run").resolve("lock"), new byte[0]);
  }

  /**
   * @param file in the folder's {@code .run}
   */
  public static void folder(Path file) {
    try (RunFolder folder = RunFolder.open(file.getParent().getParent())) {
      folder.notices();
      folder.recordedSeconds();
      var recorded = folder.recorded("train");
      if (recorded.marker() != null) {
        Stage stage = Stage.of("train", context -> {});
        StageState.of(stage, recorded.marker().inputs(), folder);
        StageFiles.damaged(folder.stage("train"), recorded.marker().files());
        recorded.marker().contents();
      }
    }
  }
}
