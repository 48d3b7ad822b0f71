package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.Direction;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.LinfStep;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One PGD step (step, projection, clamp) in place against LibTorch's, composed of in-place ops
 * where it has them. Set-up checks that both agree before anything is timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class LinfStepBenchmark {
  private static final float EPSILON = 8 / 255f;
  private static final float STEP = 2 / 255f;

  /** Images of 3 x 224 x 224. */
  @Param({"32"})
  public int images;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private LinfStep step;
  private Tensor pixels;
  private Tensor original;
  private Tensor gradient;
  private Scalar stepSize;
  private Scalar epsilon;
  private Scalar zero;
  private Scalar one;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    step = LinfStep.defaults().direction(Direction.ASCEND).epsilon(EPSILON).stepSize(STEP);
    torch.manual_seed(7);
    original = torch.rand(images, 3, 224, 224);
    gradient = torch.randn(images, 3, 224, 224);
    stepSize = new Scalar(STEP);
    epsilon = new Scalar(EPSILON);
    zero = new Scalar(0f);
    one = new Scalar(1f);
    pixels = original.clone();
    equipoise();
    Tensor ours = pixels.clone();
    pixels = original.clone();
    libtorch();
    double difference = ours.sub(pixels).abs().max().item_double();
    if (!(difference <= 1e-6)) {
      throw new IllegalStateException("the step differs from LibTorch's by " + difference);
    }
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  @Benchmark
  public void equipoise() {
    step.applyInto(pixels, original, gradient, null, pixels);
  }

  @Benchmark
  public void libtorch() {
    try (PointerScope iteration = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      pixels.add_(gradient.sign(), stepSize);
      torch.maximum_out(pixels, pixels, original.sub(epsilon));
      torch.minimum_out(pixels, pixels, original.add(epsilon));
      pixels.clamp_(
          new org.bytedeco.pytorch.ScalarOptional(zero),
          new org.bytedeco.pytorch.ScalarOptional(one));
    }
  }
}
