package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.BlindImages;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.random.KeyedRandom;

/** The negative sources that come with the system. */
public final class NegativeSources {
  private static final int DIFFUSION_STEPS = 1000;

  private NegativeSources() {}

  /**
   * Projected gradient descent on the pixels, minimising the summed log-prob of the chosen answer
   * inside an L∞ ball; the best iterate on the 8-bit grid is taken.
   *
   * @param epsilon radius in pixel units of [0, 1], for example 16/255
   * @param stepSize size of a step in the same units
   * @param steps gradient steps
   * @param seed of the random start
   */
  public static NegativeSource adversarial(double epsilon, double stepSize, int steps, long seed) {
    return new AdversarialSource(epsilon, stepSize, steps, seed);
  }

  /** Every pixel at the processor's mean. */
  public static NegativeSource blank() {
    return new PerImageSource(
        "blank",
        Map.of(),
        (model, sample, clean) -> BlindImages.like(clean, model.imageProcessor()));
  }

  /**
   * Another image of the pool: the twin's where there is one, otherwise of a random other sample.
   *
   * @param pool at least two samples
   */
  public static NegativeSource swapped(List<Sample> pool, long seed) {
    if (pool.size() < 2) {
      throw new IllegalArgumentException(
          "swapping images needs at least two samples, found " + pool.size());
    }
    List<Sample> samples = List.copyOf(pool);
    Map<String, Sample> byId = new HashMap<>();
    samples.forEach(sample -> byId.put(sample.id(), sample));
    KeyedRandom random = KeyedRandom.of(seed, "swapped-image");
    return new PerImageSource(
        "swapped",
        Map.of("seed", Long.toString(seed)),
        (model, sample, clean) -> {
          Sample other = sample.twin() == null ? null : byId.get(sample.twin());
          for (int draw = 0; other == null || other.id().equals(sample.id()); draw++) {
            other = samples.get(random.below(samples.size(), 0, KeyedRandom.id(sample.id()), draw));
          }
          return model.imageProcessor().resize(other.image().load());
        });
  }

  /** Normal noise of the given standard deviation in pixel units, clamped. */
  public static NegativeSource gaussian(double sigma, long seed) {
    if (!(sigma > 0)) {
      throw new IllegalArgumentException("sigma must be positive, found " + sigma);
    }
    return new PerImageSource(
        "gaussian",
        Map.of("sigma", Double.toString(sigma), "seed", Long.toString(seed)),
        noise(seed, (value, gaussian, channel, processor) -> value + sigma * gaussian));
  }

  /**
   * Diffusion noise of VCD (arXiv 2311.16922) and POVID (arXiv 2402.11411), in the processor's
   * normalised space as theirs; they use step 500:
   *
   * <pre>β_s = σ(s)·(5e-3 − 1e-5) + 1e-5, s = linspace(−6, 6, 1000);  ᾱ_t = Π_{s ≤ t} (1 − β_s)
   * x_t = √ᾱ_t·x + √(1 − ᾱ_t)·N(0, 1)</pre>
   *
   * @param step t, from 0 to 999
   */
  public static NegativeSource diffusion(int step, long seed) {
    double kept = alphaBar(step);
    double signal = Math.sqrt(kept);
    double noise = Math.sqrt(1 - kept);
    return new PerImageSource(
        "diffusion",
        Map.of("step", Integer.toString(step), "seed", Long.toString(seed)),
        noise(
            seed,
            (value, gaussian, channel, processor) -> {
              double mean = processor.mean()[channel];
              double deviation = processor.standardDeviation()[channel];
              double noised = signal * ((value - mean) / deviation) + noise * gaussian;
              return noised * deviation + mean;
            }));
  }

  static double alphaBar(int step) {
    if (step < 0 || step >= DIFFUSION_STEPS) {
      throw new IllegalArgumentException("step must be in [0, 999], found " + step);
    }
    double product = 1;
    for (int s = 0; s <= step; s++) {
      double at = -6 + 12.0 * s / (DIFFUSION_STEPS - 1);
      product *= 1 - ((5e-3 - 1e-5) / (1 + StrictMath.exp(-at)) + 1e-5);
    }
    return product;
  }

  /** New value of a pixel in [0, 1] units from its value and a standard normal number. */
  private interface NoiseRule {
    double apply(double value, double gaussian, int channel, ImageProcessor processor);
  }

  private static PerImageSource.Rule noise(long seed, NoiseRule rule) {
    KeyedRandom random = KeyedRandom.of(seed, "image-noise");
    return (model, sample, clean) -> {
      ImageProcessor processor = model.imageProcessor();
      long stream = KeyedRandom.id(sample.id());
      byte[] planes = new byte[clean.planes().length];
      int plane = clean.width() * clean.height();
      for (int i = 0; i < planes.length; i++) {
        double value = (clean.planes()[i] & 0xff) / 255.0;
        double noised = rule.apply(value, random.gaussian(0, stream, i), i / plane, processor);
        planes[i] = (byte) Math.rint(255 * Math.min(1, Math.max(0, noised)));
      }
      return new RgbImage(clean.width(), clean.height(), planes);
    };
  }

  /** A source that treats each image by itself and needs no gradient. */
  private record PerImageSource(String name, Map<String, String> settings, Rule rule)
      implements NegativeSource {
    interface Rule {
      RgbImage apply(MultimodalModel model, Sample sample, RgbImage clean);
    }

    @Override
    public List<RgbImage> perturb(
        MultimodalModel model, List<Sample> samples, List<RgbImage> clean) {
      List<RgbImage> perturbed = new ArrayList<>();
      for (int i = 0; i < samples.size(); i++) {
        perturbed.add(rule.apply(model, samples.get(i), clean.get(i)));
      }
      return perturbed;
    }
  }
}
