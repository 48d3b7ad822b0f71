package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.DataType;
import org.equipoise.kernels.GroupAdvantageKernel;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.TensorView;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.GroupAdvantage;
import org.equipoise.torch.PairLoss;
import org.equipoise.torch.PolicyLoss;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a call costs beyond its arithmetic: tensors so small that the kernel takes next to nothing.
 * Run with {@code -prof gc} for bytes per call.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class CallOverhead {
  private PointerScope scope;
  private GroupAdvantage advantage;
  private Tensor rewards;
  private Tensor offsets;
  private Tensor advantages;
  private GroupAdvantageKernel kernel;
  private TensorView rewardsView;
  private TensorView offsetsView;
  private TensorView advantagesView;
  private PolicyLoss policyLoss;
  private PairLoss pairLoss;
  private Tensor logProbs;
  private Tensor other;
  private Tensor plain;
  private Tensor plainOther;
  private Tensor mask;
  private Tensor sequenceAdvantages;

  @Setup
  public void setUp() {
    Equipoise.threads(1);
    scope = new PointerScope();
    advantage = GroupAdvantage.trl();
    rewards = Tensor.create(new float[] {1, 0, 2, 1, 0, 0, 1, 2}, 8);
    offsets = Tensor.create(new int[] {0, 4, 8}, 3);
    advantages = Tensor.create(new float[8], 8);
    kernel = GroupAdvantageKernel.trl();
    rewardsView = TensorView.of(new FloatPointer(1, 0, 2, 1, 0, 0, 1, 2), DataType.F32, 8);
    offsetsView = TensorView.of(new IntPointer(0, 4, 8), DataType.I32, 3);
    advantagesView = TensorView.of(new FloatPointer(8), DataType.F32, 8);
    policyLoss = PolicyLoss.grpo().epsilon(0.2, 0.28);
    pairLoss = PairLoss.sigmoid();
    plain = Tensor.create(new float[] {-1, -2, -0.5f, -0.1f, -3, -1, -1, -2}, 2, 4);
    plainOther = Tensor.create(new float[] {-1, -2, -0.7f, -0.2f, -2, -1, -1, -1}, 2, 4);
    logProbs = plain.clone().set_requires_grad(true);
    other = plainOther.clone().set_requires_grad(true);
    mask = Tensor.create(new int[] {1, 1, 1, 1, 1, 1, 0, 0}, 2, 4).to(ScalarType.Bool);
    sequenceAdvantages = Tensor.create(new float[] {1, -1}, 2);
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  /**
   * Three small tensors checked and computed on, the caller's output: the goal is 100 ns, 0 bytes.
   */
  @Benchmark
  public void groupAdvantageInto() {
    advantage.applyInto(rewards, offsets, advantages);
  }

  /** The same without LibTorch. */
  @Benchmark
  public void groupAdvantageKernelInto() {
    kernel.applyInto(rewardsView, null, offsetsView, null, null, advantagesView, null, null, null);
  }

  /** Differentiable scalar loss of one input: the goal is 10 us. */
  @Benchmark
  public void policyLoss() {
    try (PointerScope step = new PointerScope()) {
      policyLoss.apply(PolicyBatch.of(logProbs, sequenceAdvantages, mask).old(plainOther));
    }
  }

  /** The same without gradient mode's part: the inputs do not require grad. */
  @Benchmark
  public void policyLossWithoutGradient() {
    try (PointerScope step = new PointerScope()) {
      policyLoss.apply(PolicyBatch.of(plain, sequenceAdvantages, mask).old(plainOther));
    }
  }

  /** Loss and LibTorch's backward pass. */
  @Benchmark
  public void policyLossAndBackward() {
    try (PointerScope step = new PointerScope()) {
      policyLoss
          .apply(PolicyBatch.of(logProbs, sequenceAdvantages, mask).old(plainOther))
          .backward();
    }
  }

  /** Differentiable scalar loss of two inputs. */
  @Benchmark
  public void pairLoss() {
    try (PointerScope step = new PointerScope()) {
      pairLoss.apply(PairBatch.of(logProbs, other, mask, mask).reference(plain, plainOther));
    }
  }

  /** The smallest differentiable LibTorch call from Java, for comparison. */
  @Benchmark
  public void libtorchSum() {
    try (PointerScope step = new PointerScope()) {
      logProbs.sum();
    }
  }
}
