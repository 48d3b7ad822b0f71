package org.equipoise.torch;

import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.Direction;
import org.equipoise.kernels.PixelSpace;

/**
 * Projected gradient descent on images inside an L-infinity ball (arXiv 1706.06083), built from
 * {@link UniformStart}, {@link LinfStep} and {@link EightBitGrid}.
 *
 * <pre>{@code
 * x_0 = random start (or the image);  q_t = grid(x_t)
 * x_t+1 = P(x_t + direction step_size sign(gradient of the objective at q_t)),   t < steps
 * result = the q_t, t = 1..steps, with the best objective, per image
 * }</pre>
 *
 * The objective and its gradient are taken at the image on the 8-bit grid, so the reported strength
 * is that of the saved PNG, and the choice of the best iterate costs no extra pass. With zero steps
 * the result is the start on the grid. Immutable and thread-safe; the objective is called on the
 * calling thread. An interrupted thread ends the attack with a {@link CancellationException} before
 * the next step.
 */
public final class Pgd {
  private final double epsilon;
  private final double stepSize;
  private final int steps;
  private final long seed;
  private final double momentum;
  private final boolean randomStart;
  private final double lower;
  private final double upper;
  private final PixelSpace pixelSpace;

  private Pgd(
      double epsilon,
      double stepSize,
      int steps,
      long seed,
      double momentum,
      boolean randomStart,
      double lower,
      double upper,
      PixelSpace pixelSpace) {
    if (steps < 0) {
      throw new IllegalArgumentException("steps: expected at least 0, found " + steps);
    }
    if (!(momentum >= 0)) {
      throw new IllegalArgumentException("momentum: expected at least 0, found " + momentum);
    }
    this.epsilon = epsilon;
    this.stepSize = stepSize;
    this.steps = steps;
    this.seed = seed;
    this.momentum = momentum;
    this.randomStart = randomStart;
    this.lower = lower;
    this.upper = upper;
    this.pixelSpace = pixelSpace;
  }

  /**
   * epsilon 8/255, step 2/255, 10 steps, seed 0, no momentum, random start, bounds [0, 1], pixels
   * in [0, 1].
   */
  public static Pgd linf() {
    return new Pgd(8 / 255.0, 2 / 255.0, 10, 0, 0, true, 0, 1, PixelSpace.IDENTITY);
  }

  /** Radius of the ball, in pixel units. */
  public Pgd epsilon(double value) {
    return new Pgd(value, stepSize, steps, seed, momentum, randomStart, lower, upper, pixelSpace);
  }

  /** Length of a step, in pixel units. */
  public Pgd stepSize(double value) {
    return new Pgd(epsilon, value, steps, seed, momentum, randomStart, lower, upper, pixelSpace);
  }

  /** Gradient steps; the objective is called once more than this, plus once on the images. */
  public Pgd steps(int value) {
    return new Pgd(epsilon, stepSize, value, seed, momentum, randomStart, lower, upper, pixelSpace);
  }

  /** Key of the random start. */
  public Pgd seed(long value) {
    return new Pgd(
        epsilon, stepSize, steps, value, momentum, randomStart, lower, upper, pixelSpace);
  }

  /** Decay of the gradient momentum (MI-FGSM); 0: none. */
  public Pgd momentum(double value) {
    return new Pgd(epsilon, stepSize, steps, seed, value, randomStart, lower, upper, pixelSpace);
  }

  /** Whether to start from a random point of the ball. */
  public Pgd randomStart(boolean value) {
    return new Pgd(epsilon, stepSize, steps, seed, momentum, value, lower, upper, pixelSpace);
  }

  /** Smallest and largest pixel. */
  public Pgd bounds(double newLower, double newUpper) {
    return new Pgd(
        epsilon, stepSize, steps, seed, momentum, randomStart, newLower, newUpper, pixelSpace);
  }

  /** The space the image tensors are in. */
  public Pgd pixelSpace(PixelSpace value) {
    return new Pgd(epsilon, stepSize, steps, seed, momentum, randomStart, lower, upper, value);
  }

  public double epsilon() {
    return epsilon;
  }

  public double stepSize() {
    return stepSize;
  }

  public int steps() {
    return steps;
  }

  public long seed() {
    return seed;
  }

  public double momentum() {
    return momentum;
  }

  public boolean randomStart() {
    return randomStart;
  }

  public double lower() {
    return lower;
  }

  public double upper() {
    return upper;
  }

  public PixelSpace pixelSpace() {
    return pixelSpace;
  }

  /** Looks for images with a small objective; see {@link #maximise}. */
  public Attack minimise(Function<Tensor, Tensor> objective, Tensor images, long[] streams) {
    return run(objective, images, streams, Direction.DESCEND);
  }

  /**
   * Looks for images with a large objective.
   *
   * @param objective from images (which require grad) to one value per image [images], or to one
   *     scalar for all of them; differentiable with respect to the images
   * @param images [images, channels, height, width] f32 or bf16; not changed
   * @param streams random stream of each image, so that results do not depend on batching; null: 0,
   *     1, 2, ...
   * @throws IllegalArgumentException if the objective gives another shape, or does not depend on
   *     the images
   * @throws IllegalStateException if no iterate of some image had a finite objective
   */
  public Attack maximise(Function<Tensor, Tensor> objective, Tensor images, long[] streams) {
    return run(objective, images, streams, Direction.ASCEND);
  }

  private Attack run(
      Function<Tensor, Tensor> objective, Tensor images, long[] streams, Direction direction) {
    TorchLibrary.require();
    Tensor best = new Tensor();
    Tensor codes = new Tensor();
    try (PointerScope scope = new PointerScope();
        AutoGradMode gradient = new AutoGradMode(true)) {
      LinfStep step =
          LinfStep.defaults()
              .direction(direction)
              .epsilon(epsilon)
              .stepSize(stepSize)
              .bounds(lower, upper)
              .momentumDecay(momentum)
              .pixelSpace(pixelSpace);
      EightBitGrid grid =
          EightBitGrid.defaults().epsilon(epsilon).bounds(lower, upper).pixelSpace(pixelSpace);
      Tensor original = images.detach().contiguous();
      int count = Math.toIntExact(original.size(0));
      double[] before = score(objective, original, count);
      double[] after = new double[before.length];
      Arrays.fill(after, Double.NaN);

      Tensor x = start(original, streams, count);
      grid.applyInto(x, original, best, null);
      Tensor point = best.clone();
      Tensor velocity = momentum > 0 ? zerosLike(original) : null;
      for (int t = 0; t <= steps; t++) {
        if (Thread.currentThread().isInterrupted()) {
          throw new CancellationException(
              "the attack was interrupted after " + t + " of " + steps + " steps");
        }
        try (PointerScope iteration = new PointerScope()) {
          double[] values;
          if (t < steps) {
            Tensor leaf = point.detach().set_requires_grad(true);
            Tensor value = checked(objective.apply(leaf), count);
            values = Tensors.doubles(value);
            if (!value.requires_grad()) {
              throw new IllegalArgumentException(
                  "objective: expected a value that depends on the images, found one without gradient");
            }
            value.sum().backward();
            step.applyInto(x, original, leaf.grad(), velocity, x);
          } else {
            values = score(objective, point, count);
          }
          // The start is only a candidate when there is nothing else.
          if (t > 0 || steps == 0) {
            keepBest(best, after, point, values, direction);
          }
          if (t < steps) {
            grid.applyInto(x, original, point, null);
          }
        }
      }
      for (int i = 0; i < after.length; i++) {
        if (Double.isNaN(after[i])) {
          throw new IllegalStateException(
              "the objective of image " + i + " was NaN at every iterate of the attack");
        }
      }
      EightBitGrid.defaults()
          .bounds(lower, upper)
          .pixelSpace(pixelSpace)
          .applyInto(best, null, null, codes);
      return new Attack(best, codes, before, after, steps);
    }
  }

  private Tensor start(Tensor original, long[] streams, int count) {
    if (!randomStart) {
      return original.clone();
    }
    if (streams != null && streams.length != count) {
      throw new IllegalArgumentException(
          "streams: expected one per image, " + count + ", found " + streams.length);
    }
    Tensor x = new Tensor();
    UniformStart.defaults()
        .epsilon(epsilon)
        .bounds(lower, upper)
        .seed(seed)
        .pixelSpace(pixelSpace)
        .applyInto(
            original,
            streams == null
                ? null
                : Tensor.create(streams, count).to(original.device(), ScalarType.Long),
            x);
    return x;
  }

  private static void keepBest(
      Tensor best, double[] bestValues, Tensor point, double[] values, Direction direction) {
    for (int i = 0; i < values.length; i++) {
      boolean better =
          direction == Direction.ASCEND ? values[i] > bestValues[i] : values[i] < bestValues[i];
      if (better || (Double.isNaN(bestValues[i]) && !Double.isNaN(values[i]))) {
        bestValues[i] = values[i];
        if (values.length == 1) {
          best.copy_(point);
        } else {
          best.select(0, i).copy_(point.select(0, i));
        }
      }
    }
  }

  private static double[] score(Function<Tensor, Tensor> objective, Tensor images, int count) {
    try (PointerScope scope = new PointerScope();
        AutoGradMode noGradient = new AutoGradMode(false)) {
      return Tensors.doubles(checked(objective.apply(images), count));
    }
  }

  private static Tensor checked(Tensor value, int count) {
    if (value.numel() != 1 && (value.dim() != 1 || value.numel() != count)) {
      throw new IllegalArgumentException(
          "objective: expected one value per image, ["
              + count
              + "], or one scalar, found shape "
              + Arrays.toString(value.shape()));
    }
    return value;
  }

  private static Tensor zerosLike(Tensor tensor) {
    Tensor zeros = tensor.to(ScalarType.Float).clone();
    return zeros.zero_();
  }
}
