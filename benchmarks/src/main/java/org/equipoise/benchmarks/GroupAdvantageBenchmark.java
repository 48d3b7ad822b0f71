package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.GroupAdvantage;
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
 * GRPO's advantages of groups of one size, the Java call included (goal for 1024 x 8: 5 us),
 * against two formulations in LibTorch's ops. Set-up checks that all agree before anything is
 * timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class GroupAdvantageBenchmark {
  private static final double EPSILON = 1e-4;

  @Param({"1024"})
  public int groups;

  @Param({"8"})
  public int groupSize;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private GroupAdvantage advantage;
  private Tensor rewards;
  private Tensor advantages;
  private Scalar epsilon;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    advantage = GroupAdvantage.trl().epsilon(EPSILON);
    epsilon = new Scalar(EPSILON);
    torch.manual_seed(7);
    rewards = torch.randn(groups * groupSize);
    advantages = torch.empty(groups * groupSize);
    equipoise();
    for (Tensor peer : new Tensor[] {meanAndStd(), stdMean()}) {
      double difference = peer.view(-1).sub(advantages).abs().max().item_double();
      if (!(difference <= 1e-4)) {
        throw new IllegalStateException("advantages differ from LibTorch's by " + difference);
      }
    }
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  private Tensor meanAndStd() {
    Tensor r = rewards.view(groups, groupSize);
    return r.sub(r.mean(new long[] {1}, true, null))
        .div(r.std(new long[] {1}, true, true).add(epsilon));
  }

  private Tensor stdMean() {
    Tensor r = rewards.view(groups, groupSize);
    T_TensorTensor_T moments = torch.std_mean(r, new long[] {1}, true, true);
    return r.sub(moments.get1()).div_(moments.get0().add_(epsilon));
  }

  @Benchmark
  public void equipoise() {
    advantage.applyInto(rewards, groupSize, advantages);
  }

  @Benchmark
  public void libtorchMeanAndStd() {
    try (PointerScope step = new PointerScope()) {
      meanAndStd();
    }
  }

  @Benchmark
  public void libtorchStdMean() {
    try (PointerScope step = new PointerScope()) {
      stdMean();
    }
  }
}
