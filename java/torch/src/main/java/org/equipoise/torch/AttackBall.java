package org.equipoise.torch;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.ImageQuantity;
import org.jspecify.annotations.Nullable;

/**
 * The ball around the originals of one attack: its starts, its steps, its points of the 8-bit grid.
 */
final class AttackBall {
  /** Halvings of the interval in which the largest share of a change is looked for that fits. */
  private static final int GRID_SEARCH = 8;

  /** Neighbours are not clamped; a bound that no pixel reaches. */
  private static final double UNBOUNDED = 1e6;

  private final PixelBatch batch;
  private final AttackOptions options;
  private final Tensor original;
  private final Tensor mask;
  private final Tensor offsets;
  private final Tensor streams;
  private final LinfStep linf;
  private final L2Step l2;
  private final EightBitGrid grid;
  private final ImageNorms norms;
  private final ImageNorms gradientNorms;

  AttackBall(AttackOptions options, PixelBatch batch, Direction direction) {
    this.batch = batch;
    this.options = options;
    original = batch.original();
    requirePixels();
    mask = batch.inwardMask();
    offsets = batch.offsetsOn(original);
    streams = batch.streamsOn(original);
    linf =
        LinfStep.defaults()
            .direction(direction)
            .epsilon(options.epsilon)
            .stepSize(options.stepSize)
            .bounds(options.lower, options.upper)
            .momentumDecay(options.momentum)
            .pixelSpace(batch.pixelSpace());
    l2 =
        L2Step.defaults()
            .direction(direction)
            .epsilon(options.epsilon)
            .stepSize(options.stepSize)
            .bounds(options.lower, options.upper)
            .pixelSpace(batch.pixelSpace());
    EightBitGrid bounded =
        EightBitGrid.defaults().bounds(options.lower, options.upper).pixelSpace(batch.pixelSpace());
    grid = options.norm == Norm.LINF ? bounded.epsilon(options.epsilon) : bounded;
    norms = ImageNorms.defaults().pixelSpace(batch.pixelSpace());
    gradientNorms = norms.quantity(ImageQuantity.GRADIENT);
  }

  /**
   * Images of 0 to 255 and radii of 8 are a mistake of units that would destroy the picture without
   * a word: pixels are in [0, 1], or in the bounds where those are wider, and so is the ball.
   */
  private void requirePixels() {
    double width = options.upper - options.lower;
    if (options.norm == Norm.LINF && options.epsilon > Math.max(width, 1)) {
      throw new IllegalArgumentException(
          "epsilon: expected a radius in pixel units, at most the width "
              + Math.max(width, 1)
              + " of the pixels' range, found "
              + options.epsilon
              + "; 8 of 255 levels are 8 / 255.0");
    }
    if (original.numel() == 0) {
      return;
    }
    double least = Math.min(0, options.lower);
    double most = Math.max(1, options.upper);
    double rounding = (most - least) / 255; // of normalised bf16 images
    double[] range = batch.range();
    if (!(range[0] >= least - rounding && range[1] <= most + rounding)) {
      throw new IllegalArgumentException(
          "images: expected pixels in ["
              + least
              + ", "
              + most
              + "], found "
              + range[0]
              + " to "
              + range[1]
              + "; divide by 255, or give the mean and deviation they were normalised with"
              + " (PixelSpace)");
    }
  }

  /** As the kernels take it. */
  Tensor original() {
    return original;
  }

  Tensor streams() {
    return streams;
  }

  /**
   * A random point of the ball: uniform in a cube, or in a random direction at a uniform distance.
   */
  Tensor start(long seed) {
    Tensor x = new Tensor();
    if (options.norm == Norm.LINF) {
      uniform(seed, options.epsilon, options.lower, options.upper, original, x);
      return x;
    }
    Tensor direction = normal(seed);
    double[] lengths = new double[batch.images()];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = options.epsilon * Keys.uniform(seed, batch.stream(i));
    }
    l2.applyInto(
        original, original, direction, mask, offsets, batch.perImage(lengths, original), x);
    return x;
  }

  /** x + U(-radius, radius), outside of the bounds, too. */
  Tensor neighbour(long seed, double radius, Tensor x) {
    Tensor out = new Tensor();
    uniform(seed, radius, -UNBOUNDED, UNBOUNDED, x, out);
    return out;
  }

  private void uniform(
      long seed, double radius, double lower, double upper, Tensor from, Tensor out) {
    UniformStart.defaults()
        .epsilon(radius)
        .bounds(lower, upper)
        .seed(seed)
        .pixelSpace(batch.pixelSpace())
        .applyInto(from, streams, mask, offsets, out);
  }

  /** A gradient whose step goes in a uniformly random direction of pixels. */
  private Tensor normal(long seed) {
    Tensor noise = original.clone().zero_();
    GaussianNoise unit = GaussianNoise.ofDeviation(1).seed(seed);
    if (offsets == null) {
      unit.applyInto(noise, streams, noise);
    } else {
      for (int i = 0; i < batch.images(); i++) {
        Tensor rows = batch.rows(noise, i);
        Tensor image = rows.view(1, rows.size(0) * rows.size(1), rows.size(2) * rows.size(3));
        unit.stream(batch.stream(i)).applyInto(image, null, image);
      }
    }
    // A step turns a gradient into pixels by 1 / std.
    return noise.mul(batch.perChannel(1, original)).to(original.scalar_type());
  }

  /**
   * One step of all images.
   *
   * @param momentum read and written; null: none
   * @param previous the iterate before x, for APGD's blend; null: none
   * @param stepSizes of each image; null: the attack's
   * @param out may be x, without previous
   */
  void step(
      Tensor x,
      Tensor gradient,
      @Nullable Tensor momentum,
      @Nullable Tensor previous,
      @Nullable Tensor stepSizes,
      Tensor out) {
    if (options.norm == Norm.LINF) {
      linf.applyInto(x, original, gradient, momentum, previous, mask, offsets, stepSizes, out);
      return;
    }
    Tensor along = gradient;
    if (momentum != null) {
      accumulate(momentum, gradient);
      along = momentum.to(gradient.scalar_type());
    }
    if (previous == null) {
      l2.applyInto(x, original, along, mask, offsets, stepSizes, out);
      return;
    }
    Tensor stepped = new Tensor();
    l2.applyInto(x, original, along, mask, offsets, stepSizes, stepped);
    Tensor blended =
        x.add(stepped.sub(x).mul(new Scalar(Apgd.BLEND)))
            .add(x.sub(previous).mul(new Scalar(1 - Apgd.BLEND)));
    l2.stepSize(0).applyInto(blended, original, along, mask, offsets, null, out);
  }

  /**
   * momentum = decay momentum + gradient / mean |gradient|, as the L-infinity step has it fused.
   */
  private void accumulate(@Nullable Tensor momentum, Tensor gradient) {
    double[] sums = new double[batch.images()];
    double[] all = norms(gradientNorms, gradient, null);
    for (int i = 0; i < sums.length; i++) {
      double pixels = (double) batch.rows(gradient, i).numel() / batch.pixelSpace().copies();
      double sum = all[3 * i];
      sums[i] = sum == 0 ? 0 : pixels / sum;
    }
    momentum
        .mul_(new Scalar(options.momentum))
        .add_(gradient.to(ScalarType.Float).mul(batch.perRow(sums, momentum)));
  }

  /** The points of the 8-bit grid inside the ball that are nearest to x. */
  void snap(Tensor x, Tensor out) {
    if (options.norm == Norm.LINF) {
      grid.applyInto(x, original, out, null);
      return;
    }
    // Rounding may leave an L2 ball; then less of the change is rounded.
    double[] fits = new double[batch.images()];
    double[] share = new double[batch.images()];
    double[] outside = new double[batch.images()];
    Arrays.fill(share, 1);
    Arrays.fill(outside, 1);
    grid.applyInto(x, null, out, null);
    boolean all = true;
    double[] length = distances(out);
    for (int i = 0; i < share.length; i++) {
      boolean inside = !(length[i] > options.epsilon);
      fits[i] = inside ? 1 : 0;
      all = all && inside;
    }
    for (int round = 0; round < GRID_SEARCH && !all; round++) {
      for (int i = 0; i < share.length; i++) {
        share[i] = fits[i] == 1 ? 1 : (fits[i] + outside[i]) / 2;
      }
      snapShare(x, share, out);
      length = distances(out);
      for (int i = 0; i < share.length; i++) {
        if (share[i] == 1) {
          continue;
        }
        if (length[i] <= options.epsilon) {
          fits[i] = share[i];
        } else {
          outside[i] = share[i];
        }
      }
    }
    if (!all) {
      snapShare(x, fits, out);
    }
  }

  private void snapShare(Tensor x, double[] share, Tensor out) {
    try (PointerScope scope = new PointerScope()) {
      Tensor change = x.sub(original).mul(batch.perRow(share, original));
      grid.applyInto(original.add(change), null, out, null);
    }
  }

  /** The attack's norm of x - original of every image. */
  double[] distances(Tensor x) {
    double[] all = norms(norms, x, original);
    double[] result = new double[batch.images()];
    for (int i = 0; i < result.length; i++) {
      result[i] = all[3 * i + (options.norm == Norm.LINF ? 2 : 1)];
    }
    return result;
  }

  private double[] norms(ImageNorms of, Tensor values, Tensor minus) {
    try (PointerScope scope = new PointerScope()) {
      Tensor result = new Tensor();
      of.applyInto(values, minus, mask, offsets, result);
      return Tensors.doubles(result);
    }
  }
}
