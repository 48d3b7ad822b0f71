package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.BlindImages;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.EightBitGrid;
import org.equipoise.torch.GaussianNoise;

/** The negative sources that come with the system. */
public final class NegativeSources {
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

  /**
   * Answers that were generated elsewhere; images are not perturbed and the model is not asked.
   *
   * @param answerById by sample id; samples without one are left out
   */
  public static NegativeSource imported(Map<String, String> answerById) {
    return new ImportedSource(answerById);
  }

  /** Every pixel at the processor's mean. */
  public static NegativeSource blank() {
    return new PerImageSource(
        "blank",
        Map.of(),
        (model, sample, place, clean) -> BlindImages.like(clean, model.imageProcessor()));
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
        (model, sample, place, clean) -> {
          Sample other = sample.twin() == null ? null : byId.get(sample.twin());
          for (int draw = 0; other == null || other.id().equals(sample.id()); draw++) {
            other = samples.get(random.below(samples.size(), 0, KeyedRandom.id(sample.id()), draw));
          }
          List<ImageSource> images = other.images();
          return model.imageProcessor().resize(images.get(place % images.size()).load());
        });
  }

  /** Normal noise of the given standard deviation in pixel units, clamped. */
  public static NegativeSource gaussian(double sigma, long seed) {
    if (!(sigma > 0) || Double.isInfinite(sigma)) {
      throw new IllegalArgumentException("sigma must be positive and finite, found " + sigma);
    }
    return new PerImageSource(
        "gaussian",
        Map.of("sigma", Double.toString(sigma), "seed", Long.toString(seed)),
        (model, sample, place, clean) ->
            noisy(
                sample,
                place,
                clean,
                PixelSpace.IDENTITY,
                GaussianNoise.ofDeviation(sigma).bounds(0, 1).seed(seed)));
  }

  /**
   * Diffusion noise of VCD (arXiv 2311.16922) and POVID (arXiv 2402.11411), in the processor's
   * normalised space as theirs ({@link GaussianNoise#diffusion}); they use step 500.
   *
   * @param step t, from 0 to 999
   */
  public static NegativeSource diffusion(int step, long seed) {
    GaussianNoise noise = GaussianNoise.diffusion(step).seed(seed);
    return new PerImageSource(
        "diffusion",
        Map.of("step", Integer.toString(step), "seed", Long.toString(seed)),
        (model, sample, place, clean) ->
            noisy(
                sample,
                place,
                clean,
                PixelSpace.normalized(
                    model.imageProcessor().mean(), model.imageProcessor().standardDeviation()),
                noise));
  }

  /** The 8-bit image nearest to the noisy one, with the noise added in the given space. */
  private static RgbImage noisy(
      Sample sample, int place, RgbImage clean, PixelSpace space, GaussianNoise noise) {
    try (PointerScope scope = new PointerScope()) {
      Tensor values = normalized(clean.toTensor().unsqueeze(0), space);
      Tensor streams = Tensor.create(new long[] {KeyedRandom.id(sample.id()) + place}, 1);
      Tensor noised = new Tensor();
      noise.applyInto(values, streams, noised);
      Tensor codes = EightBitGrid.defaults().pixelSpace(space).codes(noised, null);
      return new RgbImage(clean.width(), clean.height(), HostTensors.toBytes(codes));
    }
  }

  private static Tensor normalized(Tensor pixels, PixelSpace space) {
    if (space.channels() == 0) {
      return pixels;
    }
    Tensor mean = Tensor.create(space.mean(), 1, space.channels(), 1, 1);
    Tensor deviation = Tensor.create(space.std(), 1, space.channels(), 1, 1);
    return pixels.sub(mean).div(deviation);
  }

  /** A source that treats each image by itself and needs no gradient. */
  private record PerImageSource(String name, Map<String, String> settings, Rule rule)
      implements NegativeSource {
    interface Rule {
      RgbImage apply(MultimodalModel model, Sample sample, int place, RgbImage clean);
    }

    @Override
    public List<Images> perturb(MultimodalModel model, List<Sample> samples, List<Images> clean) {
      List<Images> perturbed = new ArrayList<>();
      for (int i = 0; i < samples.size(); i++) {
        List<RgbImage> own = clean.get(i).all();
        List<RgbImage> changed = new ArrayList<>();
        for (int place = 0; place < own.size(); place++) {
          changed.add(rule.apply(model, samples.get(i), place, own.get(place)));
        }
        perturbed.add(new Images(changed));
      }
      return perturbed;
    }
  }
}
