package org.equipoise.mbpo.data;

import java.util.List;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.mbpo.storage.Sha256;

/**
 * Short texts that differ when data do: what they say, and what their images show. Files count by
 * contents, so that a folder may be moved; an image file that was replaced under its name counts as
 * another.
 */
public final class DataFingerprint {
  private DataFingerprint() {}

  /** Of samples, images and all. */
  public static String ofSamples(List<Sample> samples) {
    return ofTexts(samples) + ", images " + ofImages(samples);
  }

  /** Of pairs, images and all. */
  public static String ofPairs(List<PreferenceRecord> pairs) {
    return ofPairTexts(pairs) + ", images " + ofPairImages(pairs);
  }

  /** Of everything that samples say. */
  public static String ofTexts(List<Sample> samples) {
    Sha256 hash = new Sha256();
    for (Sample sample : samples) {
      hash.add(
          sample.id(),
          sample.prompt().toString(),
          sample.answer(),
          sample.kind(),
          Fingerprint.text(sample.options()),
          String.valueOf(sample.twin()),
          Fingerprint.text(sample.objects()));
    }
    return samples.size() + " of contents " + hash.shortHex();
  }

  /** Of what the images of samples show. */
  public static String ofImages(List<Sample> samples) {
    Sha256 hash = new Sha256();
    samples.forEach(sample -> add(hash, sample.images()));
    return hash.shortHex();
  }

  /** Of everything that pairs say. */
  public static String ofPairTexts(List<PreferenceRecord> pairs) {
    Sha256 hash = new Sha256();
    for (PreferenceRecord pair : pairs) {
      hash.add(
          pair.id(),
          pair.prompt().toString(),
          pair.chosen(),
          pair.rejected(),
          String.valueOf(pair.kind()),
          String.valueOf(pair.twin()),
          pair.source(),
          Double.toString(pair.informationGain()),
          Fingerprint.text(pair.scores()),
          Fingerprint.text(pair.perturbation()));
    }
    return pairs.size() + " of contents " + hash.shortHex();
  }

  /** Of what the images of pairs show, clean and perturbed ones. */
  public static String ofPairImages(List<PreferenceRecord> pairs) {
    Sha256 hash = new Sha256();
    for (PreferenceRecord pair : pairs) {
      add(hash, pair.images());
      add(hash, pair.perturbed());
    }
    return hash.shortHex();
  }

  private static void add(Sha256 hash, List<ImageSource> images) {
    hash.add(Integer.toString(images.size()));
    images.forEach(image -> hash.add(image.fingerprint()));
  }
}
