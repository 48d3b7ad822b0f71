package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.GaussianNoise;
import org.equipoise.torch.InputDiversity;
import org.equipoise.torch.InputTransform;
import org.equipoise.torch.TranslationInvariance;
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
 * What attacks do to images and gradients beside the step: noise, the blur of translation
 * invariance, and input diversity with its gradient, against LibTorch. Set-up checks the results
 * before anything is timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class ImageTransformBenchmark {
  private static final int SIDE = 224;
  private static final int BLUR = 15;

  /** LibTorch resizes every image to this side: the middle of the sizes that ours draws. */
  private static final int RESIZED = 213;

  /** Images of 3 x 224 x 224. */
  @Param({"8"})
  public int images;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private GaussianNoise noise;
  private InputDiversity diversity;
  private InputTransform.Draw draw;
  private TranslationInvariance blur;
  private Tensor pixels;
  private Tensor gradient;
  private Tensor out;
  private Tensor square;
  private Tensor column;
  private Tensor row;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    noise = GaussianNoise.diffusion(500);
    diversity = InputDiversity.defaults().probability(1);
    draw = new InputTransform.Draw(7, 0, null);
    blur = TranslationInvariance.defaults();
    torch.manual_seed(7);
    pixels = torch.rand(images, 3, SIDE, SIDE);
    gradient = torch.randn(images, 3, SIDE, SIDE);
    out = torch.empty_like(pixels);
    Tensor at = torch.linspace(new Scalar(-3), new Scalar(3), BLUR);
    Tensor one = at.square().mul(new Scalar(-0.5)).exp();
    one = one.div(one.sum());
    square = torch.outer(one, one).expand(3, 1, BLUR, BLUR).contiguous();
    column = one.view(1, 1, BLUR, 1).expand(3, 1, BLUR, 1).contiguous();
    row = one.view(1, 1, 1, BLUR).expand(3, 1, 1, BLUR).contiguous();
    check();
  }

  private void check() {
    for (Tensor peer : new Tensor[] {squareBlur(), separableBlur()}) {
      expect("blur", peer.sub(blur.apply(gradient)).abs().max().item_double(), 0, 1e-5);
    }
    // The gradient is the transpose of the resizing: <forward(x), g> = <x, backward(g)>.
    double forward = diversity.forward(pixels, draw).mul(gradient).sum().item_double();
    double backward = pixels.mul(diversity.backward(gradient, pixels, draw)).sum().item_double();
    expect("gradient of input diversity", backward, forward, 1e-3 * (1 + Math.abs(forward)));
    // abar_500 = 0.3006: mean .5 sqrt(abar), variance abar/12 + 1 - abar; the bounds are six
    // standard errors of an image batch as small as one image.
    Tensor noisy = noise.apply(pixels);
    double signal = noise.options().signal();
    expect("mean of noisy pixels", noisy.mean().item_double(), .5 * signal, .02);
    double variance = signal * signal / 12 + 1 - signal * signal;
    expect("variance of noisy pixels", noisy.var().item_double(), variance, .02);
  }

  private static void expect(String what, double found, double expected, double tolerance) {
    if (!(Math.abs(found - expected) <= tolerance)) {
      throw new IllegalStateException(what + ": expected " + expected + ", found " + found);
    }
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  private Tensor convolved(Tensor x, Tensor weight, long down, long across) {
    return torch.conv2d(
        x,
        weight,
        new TensorOptional(),
        new long[] {1, 1},
        new long[] {down, across},
        new long[] {1, 1},
        3);
  }

  private Tensor squareBlur() {
    return convolved(gradient, square, BLUR / 2, BLUR / 2);
  }

  private Tensor separableBlur() {
    return convolved(convolved(gradient, column, BLUR / 2, 0), row, 0, BLUR / 2);
  }

  @Benchmark
  public void equipoiseNoise() {
    noise.applyInto(pixels, null, out);
  }

  @Benchmark
  public void libtorchNoise() {
    try (PointerScope step = new PointerScope()) {
      double signal = noise.options().signal();
      out.normal_().mul_(new Scalar(Math.sqrt(1 - signal * signal)));
      out.add_(pixels, new Scalar(signal));
    }
  }

  @Benchmark
  public void equipoiseBlur() {
    blur.applyInto(gradient, out);
  }

  @Benchmark
  public void libtorchSquareBlur() {
    try (PointerScope step = new PointerScope()) {
      squareBlur();
    }
  }

  @Benchmark
  public void libtorchSeparableBlur() {
    try (PointerScope step = new PointerScope()) {
      separableBlur();
    }
  }

  @Benchmark
  public void equipoiseDiversity() {
    diversity.forwardInto(pixels, draw, out);
    diversity.backwardInto(gradient, draw, out);
  }

  @Benchmark
  public void libtorchResizeDiversity() {
    try (PointerScope step = new PointerScope()) {
      Tensor x = pixels.detach().set_requires_grad(true);
      Tensor small = torch.upsample_bilinear2d(x, new long[] {RESIZED, RESIZED}, false);
      long before = 5;
      long after = SIDE - RESIZED - before;
      Tensor padded = torch.constant_pad_nd(small, before, after, before, after);
      padded.mul(gradient).sum().backward();
    }
  }
}
