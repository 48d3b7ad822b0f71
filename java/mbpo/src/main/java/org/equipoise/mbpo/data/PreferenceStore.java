package org.equipoise.mbpo.data;

import java.nio.file.Path;
import java.util.List;

/**
 * Mined pairs on disk, in one folder:
 *
 * <pre>
 * preferences.jsonl      one pair a line, each valid by itself; loads with Hugging Face datasets and TRL
 * dropped.jsonl          one line for each sample left out, with the reason
 * images/*.png           clean images
 * images-perturbed/*.png what provoked the rejected answers
 * mining.jsonl           how far the mining is, with digests; a mining goes on from here
 * </pre>
 */
public final class PreferenceStore {
  /** File that serves a mining to go on; of no use to who reads the pairs. */
  public static final String PROGRESS = "mining.jsonl";

  static final String PREFERENCES = "preferences.jsonl";
  static final String DROPPED = "dropped.jsonl";

  private PreferenceStore() {}

  /**
   * Every pair of a store, in order; images are decoded when asked for. Errors name file and line.
   */
  public static List<PreferenceRecord> read(Path folder) {
    return PreferenceFile.read(folder.resolve(PREFERENCES));
  }

  /** The file with the pairs of a store. */
  public static Path pairs(Path folder) {
    return folder.resolve(PREFERENCES);
  }

  /** Every sample that mining left out, in order. */
  public static List<DroppedSample> readDropped(Path folder) {
    return JsonLines.read(folder.resolve(DROPPED), DataLimits.defaults(), PreferenceJson::dropped);
  }
}
