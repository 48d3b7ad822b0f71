package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What is made inside a pointer scope and used after it: builders survive; what holds a tensor of
 * the scope says so, because a freed tensor is NULL to native code, and NULL means "not given".
 */
class FreedTensorsTest {
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor numbers(int count, long... shape) {
    return TestTensors.of(ScalarType.Float, TestTensors.gaussian(count, count, 0.5, -2), shape);
  }

  private static Tensor ones(long... shape) {
    return torch.ones(shape).to(ScalarType.Bool);
  }

  private static Tensor pixels() {
    return torch.sigmoid(numbers(12, 1, 3, 2, 2));
  }

  /** Made in a scope; used after it. */
  private record Case<T>(Supplier<T> make, Consumer<T> use) {
    void run() {
      T made;
      try (PointerScope inner = new PointerScope()) {
        made = make.get();
      }
      use.accept(made);
    }
  }

  private static <T> Case<T> of(Supplier<T> make, Consumer<T> use) {
    return new Case<>(make, use);
  }

  private static PairBatch<Tensor> pairs() {
    return PairBatch.of(numbers(6, 2, 3), numbers(6, 2, 3), ones(2, 3), ones(2, 3));
  }

  private static PolicyBatch<Tensor> answers() {
    return PolicyBatch.of(numbers(6, 2, 3), numbers(2, 2), ones(2, 3));
  }

  private static UnpairedBatch<Tensor> labelled() {
    return UnpairedBatch.of(numbers(6, 2, 3), ones(2, 3), ones(2));
  }

  private Map<String, Case<?>> holdersOfFreedTensors() {
    Tensor weight = numbers(35, 7, 5);
    Tensor hidden = numbers(15, 3, 5).set_requires_grad(true);
    Tensor targets = TestTensors.ints(new int[] {1, 2, 3});
    PairBatch<Tensor> pairs = pairs();
    PolicyBatch<Tensor> answers = answers();
    UnpairedBatch<Tensor> labelled = labelled();
    PairLoss pairLoss = PairLoss.sigmoid();
    PolicyLoss policyLoss = PolicyLoss.grpo();
    UnpairedLoss bco = UnpairedLoss.bco();
    Map<String, Case<?>> all = new LinkedHashMap<>();
    all.put("chosen", of(FreedTensorsTest::pairs, pairLoss::apply));
    all.put(
        "referenceChosen",
        of(() -> pairs.reference(numbers(6, 2, 3), numbers(6, 2, 3)), pairLoss::apply));
    all.put("weights", of(() -> pairs.weights(numbers(2, 2)), pairLoss::apply));
    all.put("logProbs", of(FreedTensorsTest::answers, policyLoss::apply));
    all.put("old", of(() -> answers.old(numbers(6, 2, 3)), policyLoss::apply));
    all.put("reference", of(() -> answers.reference(numbers(6, 2, 3)), policyLoss::apply));
    all.put("sampler", of(() -> answers.sampler(numbers(6, 2, 3)), policyLoss::apply));
    all.put("truncated", of(() -> answers.truncated(ones(2)), policyLoss::apply));
    all.put("sequenceWeights", of(() -> answers.sequenceWeights(numbers(2, 2)), policyLoss::apply));
    all.put("entropy", of(() -> answers.entropy(numbers(6, 2, 3), null), policyLoss::apply));
    all.put("rewardMean", of(() -> labelled.rewardMean(numbers(2, 2)), bco::apply));
    all.put(
        "mismatched",
        of(() -> labelled.mismatched(numbers(6, 2, 3), null, null), UnpairedLoss.kto()::apply));
    all.put(
        "baselines",
        of(
            () -> GroupAdvantage.Beside.baselines(numbers(2, 2)),
            beside -> GroupAdvantage.verlRemax().apply(numbers(2, 2), 2, beside)));
    all.put(
        "streams",
        of(
            () -> new InputTransform.Draw(0, 0, TestTensors.longs(new long[] {5})),
            draw -> InputDiversity.defaults().forward(pixels(), draw)));
    all.put(
        "images",
        of(() -> PixelBatch.of(pixels()), batch -> Pgd.linf().minimise(x -> x.sum(), batch)));
    PixelBatch whole = PixelBatch.of(pixels());
    all.put(
        "mask",
        of(() -> whole.mask(ones(1, 1, 2, 2)), batch -> Pgd.linf().minimise(x -> x.sum(), batch)));
    all.put(
        "weight",
        of(() -> FusedLinear.head(numbers(35, 7, 5)), head -> head.score(hidden, targets)));
    all.put(
        "bias",
        of(
            () -> FusedLinear.head(weight).bias(numbers(7, 7)),
            head -> head.score(hidden, targets)));
    all.put(
        "logitBuffer",
        of(
            () -> FusedLinear.head(weight).logitBuffer(torch.zeros(70)),
            head -> head.score(hidden, targets)));
    all.put(
        "dWeight",
        of(
            () -> FusedLinear.head(weight).accumulateInto(torch.zeros(7, 5), null),
            head -> head.loss(hidden, targets, p -> () -> p.values().sum())));
    all.put(
        "values", of(() -> FusedLinear.head(weight).logProbs(hidden, targets), p -> p.values()));
    all.put(
        "hidden",
        of(
            () -> FusedLinear.head(weight).logProbs(hidden.clone(), targets),
            p -> p.backwardThrough()));
    all.put(
        "logSumExp",
        of(
            () -> TokenLogProbs.forward(numbers(6, 2, 3), targets.narrow(0, 0, 2)),
            p -> p.logSumExp()));
    all.put(
        "logits",
        of(
            () -> TokenLogProbs.forward(numbers(6, 2, 3), targets.narrow(0, 0, 2)),
            p -> p.backwardThrough()));
    all.put("loss", of(() -> pairLoss.apply(pairs), result -> result.backward()));
    all.put("details", of(() -> policyLoss.apply(answers), result -> result.metrics()));
    all.put("rewardMean ", of(() -> bco.apply(labelled), result -> result.rewardMean()));
    all.put(
        "loss ",
        of(
            () -> MdpoLoss.mdpo().apply(pairs, numbers(6, 2, 3), null),
            result -> result.backward()));
    all.put(
        "tensor",
        of(
            () -> GroupAdvantage.trl().applyWithStatistics(numbers(4, 4), 2),
            statistics -> statistics.metrics()));
    all.put(
        "adversarial",
        of(() -> Pgd.linf().minimise(x -> x.sum(), whole), attack -> attack.adversarial()));
    all.put(
        "entropy ",
        of(() -> numbers(6, 2, 3), entropy -> EntropyThreshold.ofTop(0.2, entropy, ones(2, 3))));
    all.put(
        "mask ", of(() -> ones(2, 3), mask -> EntropyThreshold.ofTop(0.2, numbers(6, 2, 3), mask)));
    all.put(
        "logSumExp2x",
        of(
            () -> numbers(6, 2, 3),
            sums -> WpoWeights.of(numbers(6, 2, 3), numbers(6, 2, 3), sums, ones(2, 3))));
    all.put("labels", of(() -> ones(2), labels -> DensityRatioWeights.of(numbers(2, 2), labels)));
    all.put("matrix", of(() -> numbers(6, 2, 3), WidenedProducts::pay));
    all.put(
        "x", of(() -> numbers(6, 2, 3), x -> WidenedProducts.byTransposed(x, numbers(9, 3, 3))));
    all.put("codes", of(() -> Pgd.linf().minimise(x -> x.sum(), whole), attack -> attack.codes()));
    return all;
  }

  @Test
  void freedTensorsAreNamed() {
    holdersOfFreedTensors()
        .forEach(
            (name, made) -> {
              String text = assertThrows(IllegalStateException.class, made::run, name).getMessage();
              assertTrue(
                  text.startsWith(
                      name.trim() + ": expected memory that is still there, found it freed"),
                  name + ": " + text);
            });
  }

  /** An output that was freed would be one that was not asked for. */
  @Test
  void freedOutputsAreRefused() {
    Tensor metrics;
    try (PointerScope inner = new PointerScope()) {
      metrics = torch.zeros(6);
    }
    assertThrows(
        IllegalStateException.class,
        () ->
            PairLoss.sigmoid()
                .applyInto(pairs(), torch.zeros(1), null, null, null, metrics, null, null));
  }

  /** Builders made in a scope, of tensors that outlive it, work after it. */
  @Test
  void buildersOfLastingTensorsSurviveTheirScope() {
    Tensor weight = numbers(35, 7, 5);
    Tensor bias = numbers(7, 7);
    Tensor hidden = numbers(15, 3, 5);
    Tensor targets = TestTensors.ints(new int[] {1, 2, 3});
    Tensor dWeight = torch.zeros(7, 5);
    Tensor dBias = torch.zeros(7);
    Tensor images = pixels();
    Tensor mask = ones(1, 1, 2, 2);
    Tensor buffer = torch.zeros(14);
    FusedLinear head;
    Pgd pgd;
    PixelBatch batch;
    GroupAdvantage advantage;
    MdpoLoss mdpo;
    try (PointerScope inner = new PointerScope()) {
      head =
          FusedLinear.head(weight)
              .bias(bias)
              .logitBuffer(buffer)
              .accumulateInto(dWeight, dBias)
              .temperature(2);
      pgd =
          Pgd.linf()
              .momentum(1)
              .inputTransform(InputDiversity.defaults())
              .gradientTransform(TranslationInvariance.defaults().length(3));
      batch = PixelBatch.of(images).mask(mask).streams(3);
      advantage = GroupAdvantage.trl().weights(1, 2).epsilon(0.1);
      mdpo = MdpoLoss.mdpo().beta(0.3);
    }
    Tensor h = hidden.clone().set_requires_grad(true);
    head.loss(h, targets, p -> () -> p.values().sum()).backward();
    assertTrue(TestTensors.scalar(dWeight.abs().sum()) > 0);
    assertTrue(TestTensors.scalar(dBias.abs().sum()) > 0);
    assertArrayEquals(
        TestTensors.doubles(
            FusedLinear.head(weight).bias(bias).temperature(2).score(hidden, targets)),
        TestTensors.doubles(head.score(hidden, targets)),
        1e-6);
    pgd.minimise(x -> x.sum(), batch);
    advantage.apply(numbers(8, 4, 2), 2);
    mdpo.apply(pairs(), numbers(6, 2, 3), null);
  }
}
