package org.equipoise.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.FusedLinear;
import org.equipoise.torch.FusedLoss;
import org.equipoise.torch.PairLoss;
import org.equipoise.torch.PolicyLoss;

/**
 * Fused linear losses against the matrix products they cannot do without, interleaved in one
 * process, and the memory they take: the other side of {@code peers/fused_linear.py}. Not JMH: a
 * call takes seconds, what counts is a ratio of medians, and peak memory needs a process of its
 * own.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar fused-linear CASE [threads 1] [rounds 3] [budget MiB 256]
 *      [pairs or sequences 2] [tokens 512] [H 512] [V 151936] [Float | BFloat16]
 * CASE: dpo_trainable, dpo_frozen, grpo_trainable, grpo_frozen
 * </pre>
 *
 * Appends the median time, the median of the ratios of neighbouring runs of the loss and of its
 * products, and the extra memory to {@link ResultLines}.
 */
final class FusedLinearBenchmark {
  private static final long DEFAULT_MEBIBYTES = 256;

  private final boolean pairs;
  private final boolean trainable;
  private final ScalarType type;
  private final Tensor weight;
  private final Tensor hidden;
  private final Tensor reference;
  private final Tensor targets;
  private final Tensor old;
  private final Tensor advantages;
  private final Tensor mask;
  private final long budget;

  /** Made by the first step and kept, as a trainer keeps it. */
  private Tensor logits;

  private FusedLinearBenchmark(String name, long budget, long[] shape, ScalarType type) {
    pairs = name.startsWith("dpo");
    trainable = name.endsWith("trainable");
    this.budget = budget;
    this.type = type;
    long sequences = shape[0];
    long tokens = shape[1];
    torch.manual_seed(7);
    weight = torch.randn(shape[3], shape[2]).mul_(new Scalar(0.02)).to(type).clone();
    hidden = torch.randn(sequences, tokens, shape[2]).to(type).clone().set_requires_grad(true);
    reference = torch.randn(sequences, tokens, shape[2]).to(type).clone();
    targets = torch.randint(shape[3], new long[] {sequences, tokens}).to(ScalarType.Long).clone();
    old = torch.full(new long[] {sequences, tokens}, new Scalar(-12f)).to(ScalarType.Float);
    advantages = torch.ones(sequences);
    advantages.narrow(0, sequences / 2, sequences - sequences / 2).neg_();
    mask = torch.ones(sequences, tokens).to(ScalarType.Bool);
  }

  static void run(String... arguments) throws IOException {
    String name = arguments[0];
    if (!Arrays.asList("dpo_trainable", "dpo_frozen", "grpo_trainable", "grpo_frozen")
        .contains(name)) {
      throw new IllegalArgumentException(
          "case: expected dpo_ or grpo_ trainable or frozen: " + name);
    }
    int threads = (int) number(arguments, 1, 1);
    int rounds = (int) number(arguments, 2, 3);
    long mebibytes = number(arguments, 3, DEFAULT_MEBIBYTES);
    long[] shape = {
      number(arguments, 4, 2),
      number(arguments, 5, 512),
      number(arguments, 6, 512),
      number(arguments, 7, 151936)
    };
    ScalarType type = ScalarType.valueOf(arguments.length > 8 ? arguments[8] : "Float");
    Equipoise.threads(threads);
    try (PointerScope scope = new PointerScope()) {
      FusedLinearBenchmark benchmark = new FusedLinearBenchmark(name, mebibytes << 20, shape, type);
      benchmark.warmUp();
      long before = kibibytes("VmRSS");
      double loss = benchmark.step();
      double extra = (kibibytes("VmHWM") - before) / 1024.0;
      double[] fused = new double[rounds];
      double[] products = new double[rounds];
      Products gemms = benchmark.new Products();
      gemms.run();
      for (int i = 0; i < rounds; i++) {
        long start = System.nanoTime();
        benchmark.step();
        long middle = System.nanoTime();
        gemms.run();
        fused[i] = (middle - start) * 1e-9;
        products[i] = (System.nanoTime() - middle) * 1e-9;
      }
      double[] ratios = new double[rounds];
      Arrays.setAll(ratios, i -> fused[i] / products[i]);
      Arrays.sort(ratios);
      Arrays.sort(fused);
      Arrays.sort(products);
      Map<String, String> parameters = new TreeMap<>();
      parameters.put("case", name);
      parameters.put("dtype", type.toString());
      parameters.put("threads", Integer.toString(threads));
      if (mebibytes != DEFAULT_MEBIBYTES) {
        parameters.put("budget", Long.toString(mebibytes));
      }
      String method = "FusedLinearBenchmark.equipoise";
      double median = fused[rounds / 2];
      ResultLines lines = new ResultLines();
      lines.add(method, parameters, "time", "s/op", median, median - fused[0]);
      lines.add(method, parameters, "products", "x", ratios[rounds / 2], 0);
      lines.add(method, parameters, "memory", "MiB", extra, 0);
      lines.appendTo(ResultLines.file());
      System.out.printf(
          Locale.ROOT,
          "%s %s: %.3f s, %.3f times its products, %.0f MiB, loss %.6f%n",
          method,
          parameters,
          median,
          ratios[rounds / 2],
          extra,
          loss);
    }
  }

  private static long number(String[] arguments, int index, long otherwise) {
    return arguments.length > index ? Long.parseLong(arguments[index]) : otherwise;
  }

  /** The matrix library's own buffers, and the classes of this program. */
  private void warmUp() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      reference.select(0, 0).mm(weight.narrow(0, 0, 1024).t());
      PairLoss.sigmoid();
      PolicyLoss.grpo();
    }
  }

  private FusedLinear head(Tensor dWeight) {
    FusedLinear head = FusedLinear.head(weight).logitBudget(budget);
    long bytes = head.logitBytes(targets.numel());
    if (logits == null) {
      logits = torch.empty(bytes / weight.element_size()).to(type);
      logits.retainReference();
    }
    head = head.logitBuffer(logits);
    return dWeight == null ? head : head.accumulateInto(dWeight, null);
  }

  /** Loss and all gradients, the weight's in new memory, as a trainer's first step does. */
  private double step() {
    try (PointerScope scope = new PointerScope()) {
      Tensor dWeight = trainable ? torch.zeros(weight.size(0), weight.size(1)) : null;
      FusedLinear head = head(dWeight);
      FusedLoss<?> loss = pairs ? pairLoss(head) : policyLoss(head);
      loss.backward();
      hidden.mutable_grad().zero_();
      return loss.loss().item_double();
    }
  }

  private FusedLoss<?> pairLoss(FusedLinear head) {
    long half = hidden.size(0) / 2;
    Tensor referenceLogProbs = head.score(reference, targets);
    return head.loss(
        hidden,
        targets,
        p ->
            PairLoss.sigmoid()
                .apply(
                    PairBatch.of(
                            p.values().narrow(0, 0, half),
                            p.values().narrow(0, half, half),
                            mask.narrow(0, 0, half),
                            mask.narrow(0, half, half))
                        .reference(
                            referenceLogProbs.narrow(0, 0, half),
                            referenceLogProbs.narrow(0, half, half))));
  }

  private FusedLoss<?> policyLoss(FusedLinear head) {
    return head.tokenLoss(
        hidden,
        targets,
        p -> PolicyLoss.grpo().apply(PolicyBatch.of(p.values(), advantages, mask).old(old)));
  }

  /** The products that the step has to do, in the same shapes, into memory that is there. */
  private final class Products {
    private final Tensor flat = hidden.detach().view(-1, weight.size(1));
    private final long rows =
        head(null).logitBytes(flat.size(0)) / weight.size(0) / weight.element_size();
    private final Tensor logits = torch.empty(rows, weight.size(0)).to(type);
    private final Tensor dHidden = torch.empty_like(flat);
    private final Tensor dWeight = trainable ? torch.empty_like(weight) : null;
    private final int chunks = (int) ((flat.size(0) + rows - 1) / rows);

    void run() {
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        int again = pairs && trainable ? 2 * chunks - 1 : chunks;
        for (int i = 0; i < (pairs ? again + chunks : again); i++) {
          Tensor input = part(flat, i % chunks);
          torch.mm_out(logits.narrow(0, 0, input.size(0)), input, weight.t());
        }
        for (int i = 0; i < chunks; i++) {
          Tensor input = part(flat, i);
          Tensor dLogits = logits.narrow(0, 0, input.size(0));
          torch.mm_out(part(dHidden, i), dLogits, weight);
          if (trainable) {
            if (type == ScalarType.Float) {
              torch.addmm_out(dWeight, dWeight, dLogits.t(), input);
            } else {
              torch.mm_out(dWeight, dLogits.t(), input);
            }
          }
        }
      }
    }

    private Tensor part(Tensor whole, int chunk) {
      return whole.narrow(0, chunk * rows, Math.min(rows, flat.size(0) - chunk * rows));
    }
  }

  private static long kibibytes(String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(name + ":")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no " + name + " in /proc/self/status");
  }
}
