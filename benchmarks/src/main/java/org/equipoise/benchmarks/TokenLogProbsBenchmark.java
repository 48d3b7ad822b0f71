package org.equipoise.benchmarks;

import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.TokenLogProbs;
import org.equipoise.torch.TokenLogProbsOptions;
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
 * Token log-probs and their gradient against what LibTorch composes: the faster of two formulations
 * (log_softmax with gather; gather minus logsumexp), forward alone and with the gradient of the
 * sum. Set-up checks that all agree before anything is timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class TokenLogProbsBenchmark {
  @Param({"256"})
  public int rows;

  @Param({"32000"})
  public int vocab;

  @Param({"Float", "BFloat16"})
  public String dtype;

  @Param({"1"})
  public int threads;

  private PointerScope scope;
  private TokenLogProbsOptions options;
  private Tensor logits;
  private Tensor targets;
  private Tensor column;
  private Tensor logProbs;
  private Tensor logSumExp;
  private Tensor dLogits;

  @Setup
  public void setUp() {
    Equipoise.threads(threads);
    scope = new PointerScope();
    options = TokenLogProbsOptions.defaults();
    torch.manual_seed(7);
    logits = torch.randn(rows, vocab).to(ScalarType.valueOf(dtype)).clone();
    targets = torch.randint(vocab, new long[] {rows}).to(ScalarType.Long).clone();
    column = targets.unsqueeze(1);
    logProbs = torch.empty(rows).set_requires_grad(true);
    logSumExp = torch.empty(rows);
    dLogits = torch.empty_like(logits);
    check();
  }

  private void check() {
    equipoiseForward();
    double tolerance = dtype.equals("Float") ? 1e-4 : 0.1;
    for (Tensor peer : new Tensor[] {logSoftmax(logits), gatherMinusLogSumExp(logits)}) {
      double difference =
          peer.to(ScalarType.Float).sub(logProbs.detach()).abs().max().item_double();
      if (!(difference <= tolerance)) {
        throw new IllegalStateException("log-probs differ from LibTorch's by " + difference);
      }
    }
  }

  @TearDown
  public void tearDown() {
    scope.close();
  }

  private Tensor logSoftmax(Tensor x) {
    return x.log_softmax(1).gather(1, column).squeeze(1);
  }

  private Tensor gatherMinusLogSumExp(Tensor x) {
    return x.gather(1, column).squeeze(1).sub(x.logsumexp(1));
  }

  @Benchmark
  public void equipoiseForward() {
    TokenLogProbs.forwardInto(options, logits, null, targets, logProbs, logSumExp, null, null);
  }

  @Benchmark
  public void equipoiseForwardBackward() {
    try (PointerScope step = new PointerScope()) {
      TokenLogProbs result = TokenLogProbs.forward(options, logits, targets);
      result.values().sum().backward();
      result.backwardInto(dLogits);
    }
  }

  @Benchmark
  public void libtorchLogSoftmaxForward() {
    try (PointerScope step = new PointerScope()) {
      logSoftmax(logits);
    }
  }

  @Benchmark
  public void libtorchLogSumExpForward() {
    try (PointerScope step = new PointerScope()) {
      gatherMinusLogSumExp(logits);
    }
  }

  @Benchmark
  public void libtorchLogSoftmaxForwardBackward() {
    try (PointerScope step = new PointerScope()) {
      logSoftmax(logits.detach().set_requires_grad(true)).sum().backward();
    }
  }

  @Benchmark
  public void libtorchLogSumExpForwardBackward() {
    try (PointerScope step = new PointerScope()) {
      gatherMinusLogSumExp(logits.detach().set_requires_grad(true)).sum().backward();
    }
  }
}
