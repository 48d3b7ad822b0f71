package org.equipoise.mbpo.command;

import java.util.List;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.storage.Sha256;

/** A short text that tells data sets apart: everything of the samples but their pixels. */
final class SampleFingerprint {
  private SampleFingerprint() {}

  static String of(List<Sample> samples) {
    Sha256 hash = new Sha256();
    for (Sample sample : samples) {
      hash.add(sample.id());
      hash.add(sample.images().toString());
      hash.add(sample.prompt().toString());
      hash.add(sample.answer());
      hash.add(sample.kind());
      hash.add(sample.options().toString());
      hash.add(String.valueOf(sample.twin()));
    }
    return samples.size() + ":" + hash.shortHex();
  }
}
