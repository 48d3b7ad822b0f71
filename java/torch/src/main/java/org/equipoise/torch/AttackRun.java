package org.equipoise.torch;

import java.util.concurrent.CancellationException;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.Direction;

/** What one run of an attack holds, and the frame around its loop. */
final class AttackRun {
  final AttackOptions options;
  final PixelBatch batch;
  final Direction direction;
  final AttackBall ball;
  final AttackObjective objective;
  final BestIterate best;

  private AttackRun(
      AttackOptions options,
      PixelBatch batch,
      Direction direction,
      AttackBall ball,
      AttackObjective objective,
      BestIterate best) {
    this.options = options;
    this.batch = batch;
    this.direction = direction;
    this.ball = ball;
    this.objective = objective;
    this.best = best;
  }

  interface Loop {
    void run(AttackRun run);
  }

  static Attack run(
      AttackOptions options,
      Function<Tensor, Tensor> function,
      PixelBatch batch,
      Direction direction,
      Loop loop) {
    TorchLibrary.require();
    Tensor adversarial = new Tensor();
    Tensor codes = new Tensor();
    try (PointerScope scope = new PointerScope();
        AutoGradMode none = new AutoGradMode(false)) {
      AttackBall ball = new AttackBall(options, batch, direction);
      AttackObjective objective = new AttackObjective(function, options, batch, ball.streams());
      double[] before = objective.score(ball.original());
      Tensor images = ball.original().clone();
      BestIterate best = new BestIterate(batch, direction, images);
      AttackRun run = new AttackRun(options, batch, direction, ball, objective, best);
      loop.run(run);
      best.requireNumbers();
      double[] distances = ball.distances(images);
      Tensor found = batch.outward(images);
      EightBitGrid.defaults()
          .bounds(options.lower, options.upper)
          .pixelSpace(batch.pixelSpace())
          .applyInto(images, null, null, codes);
      adversarial.put(found);
      if (codes.dim() != found.dim()) {
        codes.put(codes.view(found.shape()));
      }
      return new Attack(
          adversarial,
          codes,
          before,
          best.values().clone(),
          distances,
          best.lostAt(),
          options.steps);
    }
  }

  /** A random start, or the images. */
  Tensor start() {
    return options.randomStart ? ball.start(options.seed) : ball.original().clone();
  }

  /** Where the objective is looked at for x: the point of the grid, or x itself. */
  Tensor point(Tensor x) {
    if (!options.eightBit) {
      return x;
    }
    Tensor point = new Tensor();
    ball.snap(x, point);
    return point;
  }

  void follow(Tensor x, Tensor point) {
    if (options.eightBit) {
      ball.snap(x, point);
    }
  }

  Tensor zerosInF32() {
    return ball.original().to(ScalarType.Float).clone().zero_();
  }

  void checkInterrupt(int step) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException(
          "the attack was interrupted after " + step + " of " + options.steps + " steps");
    }
  }
}
