package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
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
 * Policy losses and their gradients over [sequences, tokens] log-probs, against two formulations in
 * LibTorch's ops each: as the equations are written, and with as few passes as we found. One
 * thread. Set-up checks that losses and gradients agree before anything is timed. Ours computes its
 * metrics too, the others do not.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class PolicyLossBenchmark {
  @Param({"GRPO", "GRPO_KL", "GSPO", "GSPO_TOKEN", "CISPO", "SAPO", "VESPO", "GMPO"})
  public PolicyPeer loss;

  @Param({"64"})
  public int sequences;

  @Param({"1024"})
  public int tokens;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private PolicyLoss policyLoss;
  private PolicyPeer.Inputs inputs;
  private Tensor logProbs;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    policyLoss = loss.equipoise();
    torch.manual_seed(7);
    logProbs = torch.rand(sequences, tokens).mul(new Scalar(-3.0));
    inputs = PolicyPeer.Inputs.around(logProbs);
    Tensor ours = leaf();
    Tensor expected = equipoise(ours);
    for (boolean terse : new boolean[] {false, true}) {
      Tensor theirs = leaf();
      close("loss", expected, peer(theirs, terse), 1e-5 * (1 + Math.abs(expected.item_double())));
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
    PolicyBatch<Tensor> batch =
        PolicyBatch.of(x, inputs.advantages(), inputs.mask()).old(inputs.old());
    PolicyLoss.Result result =
        policyLoss.apply(loss.hasReference() ? batch.reference(inputs.reference()) : batch);
    result.backward();
    return result.loss();
  }

  private Tensor peer(Tensor x, boolean terse) {
    Tensor value = terse ? loss.terse(x, inputs) : loss.written(x, inputs);
    value.backward();
    return value;
  }

  @Benchmark
  public void equipoise() {
    try (PointerScope step = new PointerScope()) {
      equipoise(leaf());
    }
  }

  @Benchmark
  public void libtorchWritten() {
    try (PointerScope step = new PointerScope()) {
      peer(leaf(), false);
    }
  }

  @Benchmark
  public void libtorchTerse() {
    try (PointerScope step = new PointerScope()) {
      peer(leaf(), true);
    }
  }
}
