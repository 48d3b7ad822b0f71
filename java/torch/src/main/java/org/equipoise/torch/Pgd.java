package org.equipoise.torch;

import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;

/**
 * Iterative gradient attacks on images inside an L-infinity or L2 ball, built from {@link
 * UniformStart}, {@link LinfStep}, {@link L2Step} and {@link EightBitGrid}.
 *
 * <pre>{@code
 * x_0 = random start (or the image);  q_t = grid(x_t), or x_t without the 8-bit grid
 * g_t = gradient of the objective at q_t, over samples and random transformations
 * x_t+1 = step of x_t along g_t inside the ball,   t < steps
 * result = the q_t, t = 1..steps, with the best objective (or the last one), per image
 * }</pre>
 *
 * <table>
 * <caption>Published attacks as settings; all others are compositions of the methods.</caption>
 * <tr><th>attack</th><th>here</th></tr>
 * <tr><td>FGSM (arXiv 1412.6572)</td><td>{@link #fgsm}: one step of length epsilon</td></tr>
 * <tr><td>BIM (1607.02533)</td><td>{@link #bim}: without random start</td></tr>
 * <tr><td>PGD (1706.06083)</td><td>{@link #linf}, {@link #l2}</td></tr>
 * <tr><td>MI-FGSM (1710.06081)</td><td>{@link #momentum}(1)</td></tr>
 * <tr><td>NI-FGSM (1908.06281)</td><td>{@link #momentum}(1), {@link #nesterov}(true): gradient at
 *     x + direction step momentum M</td></tr>
 * <tr><td>VMI-FGSM (2103.15571)</td><td>{@link #momentum}(1), {@link #variance}(5, 1.5): the
 *     gradient plus v, v = mean gradient of neighbours x + U(±1.5 epsilon) - gradient, of the step
 *     before</td></tr>
 * <tr><td>DI-FGSM (1803.06978)</td><td>{@link #momentum}(1), {@link #inputTransform} with
 *     {@link InputDiversity}</td></tr>
 * <tr><td>TI-FGSM (1904.02884)</td><td>{@link #gradientTransform} with {@link
 *     TranslationInvariance}</td></tr>
 * <tr><td>EOT-PGD (1707.07397)</td><td>{@link #samples} of {@link #inputTransform} or of an
 *     objective that is random itself</td></tr>
 * </table>
 *
 * With the 8-bit grid (the default) the objective and its gradient are taken at the image on the
 * grid, so the reported strength is that of the saved PNG, and the choice of the best iterate costs
 * no extra pass. With zero steps the result is the start on the grid. An image whose gradient is
 * zero stays where it is; one whose objective becomes NaN keeps its best iterate, and {@link
 * Attack#lostAt()} tells. The same seed gives the same result, however images are batched.
 * Immutable and thread-safe; the objective is called on the calling thread. An interrupted thread
 * ends the attack with a {@link java.util.concurrent.CancellationException} before the next step.
 */
public final class Pgd {
  private final AttackOptions options;

  private Pgd(AttackOptions options) {
    options.check();
    this.options = options;
  }

  private Pgd with(Consumer<AttackOptions> change) {
    AttackOptions copy = options.copy();
    change.accept(copy);
    return new Pgd(copy);
  }

  /**
   * epsilon 8/255, step 2/255, 10 steps, seed 0, random start, bounds [0, 1], best iterate on the
   * 8-bit grid.
   */
  public static Pgd linf() {
    return new Pgd(new AttackOptions());
  }

  /** The same in an L2 ball of radius 1 with steps of 0.2. */
  public static Pgd l2() {
    return linf().with(o -> o.norm = Norm.L2).epsilon(1).stepSize(0.2);
  }

  /** One step of length epsilon from the image itself. */
  public static Pgd fgsm(double epsilon) {
    return bim().epsilon(epsilon).stepSize(epsilon).steps(1);
  }

  /** Steps from the image itself. */
  public static Pgd bim() {
    return linf().randomStart(false);
  }

  /** Radius of the ball, in pixel units. */
  public Pgd epsilon(double value) {
    return with(o -> o.epsilon = value);
  }

  /** Length of a step, in pixel units. */
  public Pgd stepSize(double value) {
    return with(o -> o.stepSize = value);
  }

  /** Gradient steps; the objective is called once more than this, plus once on the images. */
  public Pgd steps(int value) {
    return with(o -> o.steps = value);
  }

  /** Key of everything random. */
  public Pgd seed(long value) {
    return with(o -> o.seed = value);
  }

  /** Whether to start from a random point of the ball. */
  public Pgd randomStart(boolean value) {
    return with(o -> o.randomStart = value);
  }

  /** Smallest and largest pixel. */
  public Pgd bounds(double newLower, double newUpper) {
    return with(
        o -> {
          o.lower = newLower;
          o.upper = newUpper;
        });
  }

  /**
   * Whether iterates are looked at on the 8-bit grid. On the L2 ball, rounding that would leave it
   * is done to a smaller share of the change.
   */
  public Pgd eightBit(boolean value) {
    return with(o -> o.eightBit = value);
  }

  /** Whether the result is the best iterate of each image, or the last one. */
  public Pgd keepBest(boolean value) {
    return with(o -> o.keepBest = value);
  }

  /** Decay of the momentum of gradients divided by their mean size; 0: none. */
  public Pgd momentum(double value) {
    return with(o -> o.momentum = value);
  }

  /** Whether the gradient is taken where the momentum leads. */
  public Pgd nesterov(boolean value) {
    return with(o -> o.nesterov = value);
  }

  /**
   * Corrects the gradient by its variance among neighbours.
   *
   * @param neighbours gradients more per step; 0: none
   * @param radius of their uniform distribution, in units of epsilon
   */
  public Pgd variance(int neighbours, double radius) {
    return with(
        o -> {
          o.neighbours = neighbours;
          o.neighbourRadius = radius;
        });
  }

  /** Shows the objective transformed images; null: the images. */
  public Pgd inputTransform(InputTransform value) {
    return with(o -> o.input = value);
  }

  /**
   * Changes every gradient, which has the shape of the images, before it is used; null: nothing.
   */
  public Pgd gradientTransform(UnaryOperator<Tensor> value) {
    return with(o -> o.gradient = value);
  }

  /** Gradients over which every gradient is the mean, each with a draw of its own. */
  public Pgd samples(int value) {
    return with(o -> o.samples = value);
  }

  public Norm norm() {
    return options.norm;
  }

  public double epsilon() {
    return options.epsilon;
  }

  public double stepSize() {
    return options.stepSize;
  }

  public int steps() {
    return options.steps;
  }

  public long seed() {
    return options.seed;
  }

  public double momentum() {
    return options.momentum;
  }

  public boolean randomStart() {
    return options.randomStart;
  }

  /** Looks for images with a small objective; see {@link #maximise}. */
  public Attack minimise(Function<Tensor, Tensor> objective, PixelBatch images) {
    return AttackRun.run(options, objective, images, Direction.DESCEND, Pgd::loop);
  }

  /**
   * Looks for images with a large objective.
   *
   * @param objective from a tensor of the shape of the batch's (which requires grad) to one value
   *     per image [images] (of one image a scalar will do); differentiable
   * @param images not changed
   * @throws IllegalArgumentException if the objective gives another shape, such as one sum over
   *     several images, or does not depend on the images
   * @throws IllegalStateException if no iterate of some image had a finite objective
   */
  public Attack maximise(Function<Tensor, Tensor> objective, PixelBatch images) {
    return AttackRun.run(options, objective, images, Direction.ASCEND, Pgd::loop);
  }

  private static void loop(AttackRun run) {
    AttackOptions options = run.options;
    Tensor x = run.start();
    Tensor point = run.point(x);
    Tensor momentum = options.momentum > 0 ? run.zerosInF32() : null;
    Tensor variance = options.neighbours > 0 ? x.clone().zero_() : null;
    for (int t = 0; t <= options.steps; t++) {
      run.checkInterrupt(t);
      try (PointerScope iteration = new PointerScope()) {
        AttackObjective.Evaluation here = null;
        if (t < options.steps) {
          Tensor at = options.nesterov ? lookahead(run, x, momentum) : point;
          here = run.objective.evaluate(at, (long) t * (options.neighbours + 1));
        }
        // The start is only a candidate when there is nothing else.
        if (t > 0 || options.steps == 0) {
          boolean known = here != null && options.input == null && !options.nesterov;
          run.best.offer(
              point, known ? here.values() : run.objective.score(point), t, !options.keepBest);
        }
        if (here != null) {
          Tensor gradient = here.gradient();
          if (variance != null) {
            Tensor corrected = gradient.add(variance);
            variance.copy_(neighbourhood(run, x, t).sub(gradient));
            gradient = corrected;
          }
          run.ball.step(x, gradient, momentum, null, null, x);
          run.follow(x, point);
        }
      }
    }
  }

  /** x + direction momentum step_size M, per channel in the tensor's space. */
  private static Tensor lookahead(AttackRun run, Tensor x, Tensor momentum) {
    double length = run.direction.code() * run.options.momentum * run.options.stepSize;
    Tensor change = momentum.mul(run.batch.perChannel(-1, momentum)).mul(new Scalar(length));
    return x.add(change).to(x.scalar_type());
  }

  /** The mean gradient of the neighbours of x. */
  private static Tensor neighbourhood(AttackRun run, Tensor x, int t) {
    AttackOptions options = run.options;
    Tensor sum = x.clone().zero_();
    for (int k = 1; k <= options.neighbours; k++) {
      try (PointerScope scope = new PointerScope()) {
        long draw = (long) t * (options.neighbours + 1) + k;
        Tensor neighbour =
            run.ball.neighbour(
                Keys.mix(options.seed, draw), options.neighbourRadius * options.epsilon, x);
        sum.add_(run.objective.evaluate(neighbour, draw).gradient());
      }
    }
    return sum.div_(new Scalar((double) options.neighbours));
  }
}
