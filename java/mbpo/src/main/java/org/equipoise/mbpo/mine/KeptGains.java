package org.equipoise.mbpo.mine;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.CheckedJson;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/** Image information gains that are measured once and kept in a file, for a mining that goes on. */
public final class KeptGains {
  private KeptGains() {}

  private record Kept(double @Nullable [] gains) {}

  /**
   * @param file of one measurement: it lies in a folder that another model, other samples or
   *     another way to measure would have emptied
   * @return one gain per sample, in order
   */
  public static double[] of(
      Path file,
      ImageInformationGain measurement,
      MultimodalModel model,
      List<Sample> samples,
      Progress progress) {
    if (Files.exists(file)) {
      Optional<double[]> kept = read(file).filter(gains -> gains.length == samples.size());
      if (kept.isPresent()) {
        return kept.get();
      }
      progress.notice(file + " is damaged; information gains are measured again");
    }
    double[] gains = measurement.measure(model, samples, progress);
    ObjectNode line = Json.MAPPER.valueToTree(new Kept(gains));
    AtomicFiles.write(file, CheckedJson.line(line) + "\n");
    return gains;
  }

  static Optional<double[]> read(Path file) {
    return CheckedJson.read(AtomicFiles.readText(file), Kept.class)
        .flatMap(kept -> Optional.ofNullable(kept.gains()));
  }
}
