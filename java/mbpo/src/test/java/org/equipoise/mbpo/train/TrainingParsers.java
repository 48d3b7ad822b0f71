package org.equipoise.mbpo.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.tensor.HostTensors;

/** What training reads of its own files, for fuzzing. */
public final class TrainingParsers {
  /** Of the run that asks. */
  static final String FINGERPRINT = "run";

  private static final Map<String, Tensor> PARAMETERS =
      Map.of("w", HostTensors.floats(new float[] {1, 2, 3, 4}, 2, 2));
  private static final AdamW OPTIMIZER = new AdamW(OptimizerOptions.adamW(0.1), PARAMETERS);

  private TrainingParsers() {}

  public static void checkpoint(Path file) {
    at(file).read(notice -> {});
  }

  static TrainingCheckpoint at(Path file) {
    return new TrainingCheckpoint(file, FINGERPRINT, PARAMETERS, OPTIMIZER);
  }

  public static void referenceLogProbs(Path file) {
    ReferenceLogProbs.read(file, FINGERPRINT, null, List.of(), notice -> {});
  }
}
