package org.equipoise.mbpo.train;

import java.util.List;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Sha256;

/**
 * Short texts that differ when data differ. Image contents are not looked at, only their sources.
 */
public final class DataFingerprint {
  private DataFingerprint() {}

  /** Of everything but what the images show. */
  public static String ofSamples(List<Sample> samples) {
    Sha256 hash = new Sha256();
    for (Sample sample : samples) {
      hash.add(sample.id(), sample.prompt().toString(), sample.answer(), sample.kind());
      hash.add(Integer.toString(sample.images().size()));
    }
    return samples.size() + ":" + hash.shortHex();
  }

  /** Of everything but what the images show and what mining measured. */
  public static String ofPairs(List<PreferenceRecord> pairs) {
    Sha256 hash = new Sha256();
    for (PreferenceRecord pair : pairs) {
      hash.add(pair.id(), pair.prompt().toString(), pair.chosen(), pair.rejected());
      hash.add(Integer.toString(pair.images().size()));
    }
    return pairs.size() + ":" + hash.shortHex();
  }
}
