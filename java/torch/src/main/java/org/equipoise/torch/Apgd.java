package org.equipoise.torch;

import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.Direction;

/**
 * Auto-PGD (arXiv 2003.01690) with any differentiable objective, such as the log-probability of an
 * answer: it needs no step size.
 *
 * <pre>{@code
 * z     = P(x_t + direction eta_t sign(g_t))            (L2: along g_t / ||g_t||)
 * x_t+1 = P(x_t + 0.75 (z - x_t) + 0.25 (x_t - x_t-1)),   x_1 = z
 * }</pre>
 *
 * eta starts at 2 epsilon and is halved per image at checkpoints where progress was rare, with a
 * restart at the image's best iterate: {@link ApgdSchedule the paper's section 3}. The random start
 * is uniform in the ball's cube (L2: in a random direction), and counts as an iterate. The 8-bit
 * grid, NaN and determinism are as for {@link Pgd}. Immutable and thread-safe.
 */
public final class Apgd {
  /** Share of the step; the rest is that of the step before. */
  static final double BLEND = 0.75;

  private final AttackOptions options;

  private Apgd(AttackOptions options) {
    options.check();
    this.options = options;
  }

  private Apgd with(Consumer<AttackOptions> change) {
    AttackOptions copy = options.copy();
    change.accept(copy);
    return new Apgd(copy);
  }

  /**
   * epsilon 8/255, 10 steps, seed 0, random start, bounds [0, 1], best iterate on the 8-bit grid.
   */
  public static Apgd linf() {
    return new Apgd(new AttackOptions());
  }

  /** The same in an L2 ball of radius 1. */
  public static Apgd l2() {
    return linf().with(o -> o.norm = Norm.L2).epsilon(1);
  }

  /** Radius of the ball, in pixel units. */
  public Apgd epsilon(double value) {
    return with(o -> o.epsilon = value);
  }

  /** Gradient steps; the objective is called once more than this, plus once on the images. */
  public Apgd steps(int value) {
    return with(o -> o.steps = value);
  }

  /** Key of everything random. */
  public Apgd seed(long value) {
    return with(o -> o.seed = value);
  }

  /** Whether to start from a random point of the ball. */
  public Apgd randomStart(boolean value) {
    return with(o -> o.randomStart = value);
  }

  /** Smallest and largest pixel. */
  public Apgd bounds(double newLower, double newUpper) {
    return with(
        o -> {
          o.lower = newLower;
          o.upper = newUpper;
        });
  }

  /** Whether iterates are looked at on the 8-bit grid. */
  public Apgd eightBit(boolean value) {
    return with(o -> o.eightBit = value);
  }

  /** Shows the objective transformed images; null: the images. */
  public Apgd inputTransform(InputTransform value) {
    return with(o -> o.input = value);
  }

  /** Gradients over which every gradient is the mean, each with a draw of its own. */
  public Apgd samples(int value) {
    return with(o -> o.samples = value);
  }

  public Norm norm() {
    return options.norm;
  }

  public double epsilon() {
    return options.epsilon;
  }

  public int steps() {
    return options.steps;
  }

  /** Looks for images with a small objective; see {@link Pgd#maximise}. */
  public Attack minimise(Function<Tensor, Tensor> objective, PixelBatch images) {
    return AttackRun.run(options, objective, images, Direction.DESCEND, Apgd::loop);
  }

  /** Looks for images with a large objective; see {@link Pgd#maximise}. */
  public Attack maximise(Function<Tensor, Tensor> objective, PixelBatch images) {
    return AttackRun.run(options, objective, images, Direction.ASCEND, Apgd::loop);
  }

  private static void loop(AttackRun run) {
    AttackOptions options = run.options;
    Tensor x = run.start();
    Tensor previous = x.clone();
    Tensor next = x.clone();
    Tensor point = options.eightBit ? run.point(x) : x.clone();
    Tensor gradient = x.clone();
    Tensor bestX = x.clone();
    Tensor bestGradient = x.clone();
    ApgdSchedule schedule = null;
    for (int t = 0; t <= options.steps; t++) {
      run.checkInterrupt(t);
      try (PointerScope iteration = new PointerScope()) {
        double[] values = evaluate(run, point, gradient, t);
        boolean[] improved = run.best.offer(point, values, t, false);
        for (int i = 0; i < improved.length; i++) {
          if (improved[i]) {
            run.best.copyImage(x, bestX, i);
            run.best.copyImage(gradient, bestGradient, i);
          }
        }
        if (t == options.steps) {
          break;
        }
        if (schedule == null) {
          schedule = new ApgdSchedule(run.direction, options.steps, options.epsilon, values);
        } else {
          boolean[] restart = schedule.observe(t, values, run.best.values());
          for (int i = 0; i < restart.length; i++) {
            if (restart[i]) {
              run.best.copyImage(bestX, x, i);
              run.best.copyImage(bestGradient, gradient, i);
            }
          }
        }
        Tensor sizes = run.batch.perImage(schedule.stepSizes(), x);
        run.ball.step(x, gradient, null, t == 0 ? null : previous, sizes, next);
      }
      Tensor free = previous;
      previous = x;
      x = next;
      next = free;
      if (options.eightBit) {
        run.follow(x, point);
      } else {
        point.copy_(x);
      }
    }
  }

  /** The objective at the point; its gradient is written where another step follows. */
  private static double[] evaluate(AttackRun run, Tensor point, Tensor gradient, int t) {
    if (t == run.options.steps) {
      return run.objective.score(point);
    }
    AttackObjective.Evaluation here = run.objective.evaluate(point, t);
    gradient.copy_(here.gradient());
    return run.options.input == null ? here.values() : run.objective.score(point);
  }
}
