package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.PolicyLoss;
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
 * GRPO's loss with k3 and its gradient over [sequences, tokens] log-probs, against two formulations
 * in LibTorch's ops. One thread. Set-up checks that losses and gradients agree before anything is
 * timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class PolicyLossBenchmark {
  private static final double EPSILON = 0.2;
  private static final double KL_BETA = 0.04;

  @Param({"64"})
  public int sequences;

  @Param({"1024"})
  public int tokens;

  private PointerScope scope;
  private PolicyLoss policyLoss;
  private Tensor logProbs;
  private Tensor old;
  private Tensor reference;
  private Tensor advantages;
  private Tensor mask;
  private Tensor floatMask;
  private Tensor lengths;
  private Tensor column;

  @Setup
  public void setUp() {
    Equipoise.threads(1);
    scope = new PointerScope();
    policyLoss = PolicyLoss.grpo().epsilon(EPSILON, EPSILON).klBeta(KL_BETA);
    torch.manual_seed(7);
    Tensor base = torch.rand(sequences, tokens).mul(new Scalar(-3.0));
    logProbs = base.clone();
    old = base.add(torch.randn(sequences, tokens).mul(new Scalar(0.2)));
    reference = base.add(torch.randn(sequences, tokens).mul(new Scalar(0.2)));
    advantages = torch.randn(sequences);
    column = advantages.unsqueeze(1);
    mask = torch.rand(sequences, tokens).gt(new Scalar(0.1));
    floatMask = mask.to(ScalarType.Float);
    lengths = floatMask.sum(1);
    check();
  }

  private void check() {
    Tensor ours = leaf();
    Tensor loss = equipoise(ours);
    for (int way = 0; way < 2; way++) {
      Tensor theirs = leaf();
      Tensor theirLoss = way == 0 ? minimum(theirs) : choice(theirs);
      close("loss", loss, theirLoss, 1e-5);
      close("gradient", ours.grad(), theirs.grad(), 1e-7);
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
    return logProbs.detach().set_requires_grad(true);
  }

  private Tensor equipoise(Tensor x) {
    PolicyLoss.Result result =
        policyLoss.apply(PolicyBatch.of(x, advantages, mask).old(old).reference(reference));
    result.backward();
    return result.loss();
  }

  /** As the equations are usually written. */
  private Tensor minimum(Tensor x) {
    Tensor ratio = x.sub(old).exp();
    Tensor clipped =
        ratio.clamp(
            new ScalarOptional(new Scalar(1 - EPSILON)),
            new ScalarOptional(new Scalar(1 + EPSILON)));
    return finish(x, torch.minimum(ratio.mul(column), clipped.mul(column)).neg());
  }

  /** One product with the advantage: the bound that can bite is chosen by its sign. */
  private Tensor choice(Tensor x) {
    Tensor ratio = x.sub(old).exp();
    Tensor high = ratio.clamp_max(new Scalar(1 + EPSILON));
    Tensor low = ratio.clamp_min(new Scalar(1 - EPSILON));
    return finish(x, torch.where(column.gt(new Scalar(0)), high, low).mul(column).neg());
  }

  private Tensor finish(Tensor x, Tensor surrogate) {
    Tensor difference = reference.sub(x);
    Tensor k3 = difference.exp().sub(difference).sub(new Scalar(1));
    Tensor perToken = surrogate.add(k3, new Scalar(KL_BETA)).mul(floatMask);
    Tensor loss = perToken.sum(1).div(lengths).mean();
    loss.backward();
    return loss;
  }

  @Benchmark
  public void equipoiseLoss() {
    try (PointerScope step = new PointerScope()) {
      equipoise(leaf());
    }
  }

  @Benchmark
  public void libtorchMinimumLoss() {
    try (PointerScope step = new PointerScope()) {
      minimum(leaf());
    }
  }

  @Benchmark
  public void libtorchChoiceLoss() {
    try (PointerScope step = new PointerScope()) {
      choice(leaf());
    }
  }
}
