package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.PairLoss;
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
 * DPO with a reference and its gradient over [pairs, tokens] log-probs of both sides, against two
 * formulations in LibTorch's ops, which take both sides at once. Set-up checks that losses and
 * gradients agree before anything is timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class PairLossBenchmark {
  private static final double BETA = 0.1;

  @Param({"64"})
  public int pairs;

  @Param({"1024"})
  public int tokens;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private PairLoss pairLoss;
  private Tensor policy;
  private Tensor reference;
  private Tensor mask;
  private Tensor floatMask;
  private Tensor[] referenceOf;
  private Tensor[] maskOf;
  private Tensor zero;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    pairLoss = PairLoss.sigmoid().beta(BETA);
    torch.manual_seed(7);
    policy = torch.rand(2, pairs, tokens).mul(new Scalar(-3.0));
    reference = policy.add(torch.randn(2, pairs, tokens).mul(new Scalar(0.2)));
    mask = torch.rand(2, pairs, tokens).gt(new Scalar(0.1));
    floatMask = mask.to(ScalarType.Float);
    zero = torch.zeros(1);
    referenceOf = new Tensor[] {reference.select(0, 0), reference.select(0, 1)};
    maskOf = new Tensor[] {mask.select(0, 0), mask.select(0, 1)};
    check();
  }

  private void check() {
    Tensor chosen = leaf(0);
    Tensor rejected = leaf(1);
    Tensor loss = equipoise(chosen, rejected);
    for (int way = 0; way < 2; way++) {
      Tensor theirs = leaf();
      Tensor theirLoss = way == 0 ? separate(theirs) : joined(theirs);
      close("loss", loss, theirLoss, 1e-5);
      close("gradient", chosen.grad(), theirs.grad().select(0, 0), 1e-7);
      close("gradient", rejected.grad(), theirs.grad().select(0, 1), 1e-7);
    }
  }

  private static void close(String what, Tensor ours, Tensor theirs, double tolerance) {
    double difference = ours.detach().sub(theirs.detach()).abs().max().item_double();
    if (!(difference <= tolerance)) {
      throw new IllegalStateException(what + " differs from LibTorch's by " + difference);
    }
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  private Tensor leaf() {
    return policy.detach().set_requires_grad(true);
  }

  private Tensor leaf(long side) {
    return policy.select(0, side).detach().set_requires_grad(true);
  }

  private Tensor equipoise(Tensor chosen, Tensor rejected) {
    PairLoss.Result result =
        pairLoss.apply(
            PairBatch.of(chosen, rejected, maskOf[0], maskOf[1])
                .reference(referenceOf[0], referenceOf[1]));
    result.backward();
    return result.loss();
  }

  /** Sums of the policy and of the reference, as TRL takes them. */
  private Tensor separate(Tensor x) {
    return finish(x.mul(floatMask).sum(2).sub(reference.mul(floatMask).sum(2)));
  }

  /** One sum, of the log-ratios. */
  private Tensor joined(Tensor x) {
    return finish(torch.where(mask, x.sub(reference), zero).sum(2));
  }

  private Tensor finish(Tensor logRatios) {
    Tensor margin = logRatios.select(0, 0).sub(logRatios.select(0, 1)).mul(new Scalar(BETA));
    Tensor loss = torch.log_sigmoid(margin).mean().neg();
    loss.backward();
    return loss;
  }

  @Benchmark
  public void equipoiseLoss() {
    try (PointerScope step = new PointerScope()) {
      equipoise(leaf(0), leaf(1));
    }
  }

  @Benchmark
  public void libtorchSeparateLoss() {
    try (PointerScope step = new PointerScope()) {
      separate(leaf());
    }
  }

  @Benchmark
  public void libtorchJoinedLoss() {
    try (PointerScope step = new PointerScope()) {
      joined(leaf());
    }
  }
}
